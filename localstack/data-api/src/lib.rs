//! The RDS Data API over a real PostgreSQL, as strict as the service.
//!
//! What passes here is meant to pass on Aurora: the five operations with the service's parameter binding, result
//! mapping, limits, time-outs, transaction states and exception names. Where the service's behaviour is not documented,
//! the stricter reading is taken, and the place says so.
//!
//! It must never know what the statements are for, and it has no AWS SDK inside: secrets come through [`SecretSource`].
//!
//! Invariants:
//! - A call is one statement. Outside a transaction it commits by itself, without a wrapping `BEGIN`.
//! - No state of a session outlives its call: a pooled session is reset (`DISCARD ALL`) before anybody else gets it.
//! - Once a statement has begun, a caller that goes away does not stop it, just as with the service.
//! - A result that breaks a limit or holds an unsupported type leaves no effect: the statement is rolled back.
//! - Time comes from a [`Clock`], every limit from [`Limits`].
//! - Parameter values are never logged.
//!
//! Entry points: [`Engine`] for calls in the same process, [`serve`] for HTTP, [`Control`] (in process, or under
//! `/_control/` over HTTP) for faults, holds and the log of requests, [`aws_s3`] for the stand-in of Aurora's
//! extension, [`s3_copy`] for the program behind it.
//!
//! Over HTTP the tests' controls are:
//!
//! | route | body | does |
//! |---|---|---|
//! | `POST /_control/faults` | [`control::FaultRule`] | adds a fault, answers its id and seed |
//! | `GET`, `DELETE /_control/faults` | – | lists faults with their hits; removes all |
//! | `POST /_control/hold` | `{"match", "at", "count"}` | blocks calls, answers the hold's id |
//! | `GET /_control/holds` | – | how many calls wait at each hold |
//! | `POST /_control/release` | `{"id", "discard"}` | lets them go on, or cuts their connections |
//! | `GET /_control/requests?after=N` | – | the log of requests, bounded, without values |
//! | `GET /_control/health` | – | answers when the endpoint runs |

pub mod api;
pub mod aws_s3;
mod clock;
pub mod control;
mod engine;
mod limits;
pub mod s3_copy;
mod secrets;
mod server;
mod values;
mod wire;

pub use clock::{Clock, ManualClock, SystemClock};
pub use control::Control;
pub use engine::{Engine, EngineConfig};
pub use limits::Limits;
pub use secrets::{Credentials, SecretError, SecretSource, StaticSecrets};
pub use server::serve;
