//! Rules that `template.yaml` and the sample triggers in `events/` obey.
//!
//! Each rule is a function from a [`stack::Stack`] (the template with its parameters filled in) to the findings, and has
//! a test that spoils a good stack and sees the rule complain. `all` applies every rule to the template as it is
//! written and, where `MILLRACE_TEST_PYTHON` names a Python with aws-sam-translator, to what the SAM transform makes
//! of it. Nothing here talks to AWS.
#![cfg(test)]

mod all;
mod api;
mod environment;
mod events;
mod functions;
mod grants;
mod policies;
mod queues;
mod resolve;
mod resource_policies;
mod schedules;
mod senders;
mod source;
mod stack;
mod stores;
mod tools;
