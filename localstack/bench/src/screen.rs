//! What a person sees.

use std::io::Write as _;

/// A line on standard output; nobody reading it is no error.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
