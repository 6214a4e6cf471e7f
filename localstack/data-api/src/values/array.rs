//! PostgreSQL's text of an array, such as `{1,NULL,"a \"b\""}`.

/// The elements of a one-dimensional array; `None` when it has more dimensions.
pub(super) fn elements(text: &str) -> Option<Vec<Option<String>>> {
    // `[2:4]={…}`: bounds that do not begin at 1
    let body = if text.starts_with('[') {
        text.split_once('=')?.1
    } else {
        text
    };
    let body = body.strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    if body.is_empty() {
        return Some(elements);
    }
    let mut characters = body.chars().peekable();
    loop {
        let quoted = characters.next_if_eq(&'"').is_some();
        let mut element = String::new();
        loop {
            match characters.peek() {
                None => break,
                Some(',') if !quoted => break,
                Some('{') if !quoted => return None,
                _ => {}
            }
            match characters.next()? {
                '"' if quoted => break,
                '\\' => element.push(characters.next()?),
                character => element.push(character),
            }
        }
        let is_null = !quoted && element == "NULL";
        elements.push((!is_null).then_some(element));
        match characters.next() {
            Some(',') => {}
            _ => return Some(elements),
        }
    }
}
