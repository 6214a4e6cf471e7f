use super::http::{Endpoint, encode};
use super::{Action, S3CopyError, Task, read_arguments};

fn arguments(text: &str) -> Result<Task, S3CopyError> {
    read_arguments(text.split(' ').map(str::to_owned))
}

#[test]
fn reads_its_arguments() {
    let task =
        arguments("--endpoint http://127.0.0.1:4566/ --access-key 0123 size-abc bucket a/--key").unwrap();
    assert_eq!(
        task,
        Task {
            endpoint: Endpoint::parse("http://127.0.0.1:4566").unwrap(),
            access_key: Some("0123".to_owned()),
            action: Action::Size("abc".to_owned()),
            bucket: "bucket".to_owned(),
            key: "a/--key".to_owned(),
        }
    );
    for wrong in [
        "",
        "get",
        "--endpoint http://127.0.0.1:1 get bucket",
        "--endpoint http://127.0.0.1:1 get bucket key more",
        "--endpoint http://127.0.0.1:1 list bucket key",
        "get bucket key",
    ] {
        assert!(matches!(arguments(wrong), Err(S3CopyError::Usage)), "{wrong}");
    }
    for wrong in [
        "https://127.0.0.1:1",
        "http://127.0.0.1",
        "http://:1",
        "http://h:x",
    ] {
        assert!(
            matches!(Endpoint::parse(wrong), Err(S3CopyError::Endpoint(_))),
            "{wrong}"
        );
    }
}

#[test]
fn encodes_paths() {
    assert_eq!(
        encode("uploads/2023-01-08/a b+c%d.csv"),
        "uploads/2023-01-08/a%20b%2Bc%25d.csv"
    );
    assert_eq!(encode("é"), "%C3%A9");
}
