//! What a person sees: standard output for results, standard error for trouble.

use std::io::{IsTerminal as _, Write as _};

/// A result or a heading.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Something that is being done or was done.
pub(crate) fn step(text: &str) {
    line(&format!("  · {text}"));
}

/// Something to take note of.
pub(crate) fn warn(text: &str) {
    line(&format!("  ! {text}"));
}

/// Why a command failed.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "\nerror: {text}");
}

/// Whether a person watches, so that lines may be redrawn.
pub(crate) fn is_watched() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}
