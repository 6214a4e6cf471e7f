//! Specs of other systems.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use millrace_app::import::{ImportRun, import_specs};

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::import::{ImportAnswer, ImportAsked};
use crate::extract::ImportRequest;
use crate::problem::Answer;

/// Translates specs of cQube (row schemas of 5.0.x, CSV grammars, key files) and creates them.
///
/// One that is refused, or whose name is taken, stops no other, unless all or nothing is asked for. The same request again finds the
/// specs that are there. One call handles at most 100 specs, and begins none after 12 seconds; `next` says where to go on.
#[utoipa::path(post, path = "/spec/import", operation_id = "import_specs", tag = "specs",
    request_body(content((ImportAsked = "application/json"), (ImportFormBody = "multipart/form-data"))),
    responses((status = 200, description = "What became of each spec.", body = ImportAnswer, example = json!({
        "total": 3, "counts": {"created": 2, "refused": 1}, "specs": [
            {"kind": "dimension", "name": "dimension_school", "outcome": "created",
                "place": {"file": "dimensions/school-dimension.grammar.csv"}},
            {"kind": "event", "name": "event_sch_att_present", "outcome": "created",
                "place": {"file": "programs/school-attendance/present-event.grammar.csv"}},
            {"kind": "dataset", "name": "sch_att_present_by_school", "outcome": "refused",
                "place": {"file": "programs/school-attendance/present-event.grammar.csv", "line": 1, "column": 2},
                "errors": [{"place": {"file": "programs/school-attendance/present-event.grammar.csv", "line": 2, "column": 2},
                    "rule": "not_unique", "reason": "the column \"district_id\" of the dimension \"school\" is neither PK nor Index: rows may share its values, so a join would count twice"}]}],
        "notes": [], "next": null}))))]
pub(crate) async fn import(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    ImportRequest(asked): ImportRequest,
) -> Answer<Json<ImportAnswer>> {
    let run = ImportRun {
        client_id: &caller.client_id,
        validate_only: asked.validate_only,
        all_or_nothing: asked.all_or_nothing,
        from: usize::try_from(asked.from).unwrap_or(usize::MAX),
    };
    let validate_only = asked.validate_only;
    let order = asked.order();
    let report = import_specs(deps.spec_ports(), deps.surroundings.as_ref(), &order, run).await?;
    Ok(Json(ImportAnswer::new(report, validate_only)))
}

/// The members of the form.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form; its members are read one by one")]
pub(crate) struct ImportFormBody {
    /// `body`, `grammar` or `keys`.
    format: String,
    /// The files, each a member `file` with a file name, which keeps the folder where that says something.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
    /// `dimension` or `event`: what row schemas are.
    kind: Option<String>,
    /// JSON: the columns that are dates, with their formats.
    dates: Option<String>,
    /// JSON: the columns that make rows of a dimension unique, by the name of its spec.
    keys: Option<String>,
    /// JSON: how the files of the imported dimensions and events are written.
    csv: Option<String>,
    /// The program.
    program: Option<String>,
    /// `true`: create nothing.
    validate_only: Option<bool>,
    /// `true`: create nothing unless everything can be created.
    all_or_nothing: Option<bool>,
    /// The `next` of the answer before.
    from: Option<u32>,
}
