//! What every function does at its edge: reading the environment, the clock and chance, decoding triggers, turning
//! outcomes into batch answers, logging.
//!
//! The only crate that reads the environment or the clock, and, beside the functions, the only one that knows
//! Lambda's events. Start at [`batch`].

pub mod batch;
pub mod environment;
pub mod s3_event;
pub mod surroundings;
pub mod telemetry;
