//! The system message over HTTP, on its table.

use millrace_tests::stack::Stack;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/system-message";

#[tokio::test]
async fn an_administrator_tells_everybody_and_takes_it_back() {
    let Some(stack) = Stack::find() else { return };
    let (api, public) = (stack.api(), stack.api().with_token(None));
    let put = async |body: Value| {
        let headers = [("content-type", "application/json")];
        api.send(Method::PUT, PATH, &headers, body.to_string().into_bytes())
            .await
    };
    let message = json!({"text": "Back at 8 ☕\nSorry", "level": "warning"});
    let _ = put(message.clone()).await.expect(200);
    let shown = public.get(PATH).await;
    assert_eq!(shown.expect(200)["message"]["text"], message["text"]);
    assert_eq!(shown.body["message"]["is_active"], true);
    let later = json!({"text": "Later", "level": "info", "from": "2100-01-01T00:00:00Z"});
    let _ = put(later).await.expect(200);
    assert_eq!(public.get(PATH).await.expect(200)["message"], Value::Null);
    assert_eq!(stack.reader().get(PATH).await.expect(200)["message"], Value::Null);
    assert_eq!(api.get(PATH).await.expect(200)["message"]["text"], "Later");
    let reader = stack.reader();
    reader.delete(PATH).await.assert_problem(403, "missing_scope");
    public.delete(PATH).await.assert_problem(401, "missing_token");
    for _ in 0..2 {
        let _ = api.delete(PATH).await.expect(204);
    }
    assert_eq!(api.get(PATH).await.expect(200)["message"], Value::Null);
}
