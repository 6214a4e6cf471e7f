//! The bodies of specs in the document: their published schemas, and an example of each.

use millrace_core::definition::SpecKind;
use serde_json::{Value, json};

/// Writes the schemas of spec bodies into the components, and refers to them where a spec is posted.
pub(super) fn write(document: &mut Value) {
    let mut references = Vec::new();
    let mut examples = json!({});
    for kind in SpecKind::ALL {
        let name = format!("Spec_{}", kind.as_str());
        references.push(json!({"$ref": format!("#/components/schemas/{name}")}));
        examples[kind.as_str()] =
            json!({"summary": format!("Of kind {}", kind.as_str()), "value": example(kind)});
        add_schema(document, &name, millrace_spec::schema(kind));
    }
    let content = json!({"application/json": {"schema": {"oneOf": references}, "examples": examples}});
    for (path, method) in [
        ("/spec/{kind}", "post"),
        ("/spec/{kind}/compare", "post"),
        ("/spec/{kind}/{name}", "put"),
    ] {
        document["paths"][path][method]["requestBody"]["content"] = content.clone();
    }
    let content = &mut document["paths"]["/spec/import"]["post"]["requestBody"]["content"];
    content["application/json"]["examples"] = imports();
}

/// An import of each format.
fn imports() -> Value {
    json!({
        "grammar": {"summary": "CSV grammars of a program", "value": {"format": "grammar", "validate_only": true, "files": [
            {"name": "config.json", "text": "{\"programs\": [{\"namespace\": \"sch_att\", \"input\": {\"files\": \
                \"./programs/school-attendance\"}, \"dimensions\": {\"whitelisted\": [], \"blacklisted\": []}}]}"},
            {"name": "dimensions/school-dimension.grammar.csv",
                "text": "PK,Index,\nstring,string,string\nschool_id,school_name,district_id\n"},
            {"name": "programs/school-attendance/present-event.grammar.csv",
                "text": ",school,\n,school_id,\ndate,string,integer\ndate,school_id,students_present\n\
                    timeDimension,dimension,metric\n"}]}},
        "keys": {"summary": "Key files", "value": {"format": "keys", "program": "SAC", "dates": {"date": "YYYY-MM-DD"},
            "files": [{"name": "event_keys.csv", "text": "program,event_name,event_col,event_datatype\n\
                SAC,event_marked,\"date,school_id,marked\",\"string,string,integer\"\n"}]}},
        "body": {"summary": "One row schema of 5.0.x", "value": {"format": "body", "kind": "dimension", "body": {
            "program": "block", "input": {"type": "object", "required": ["block_id", "block_name"], "properties": {
                "block_id": {"type": "string", "shouldNotNull": true}, "block_name": {"type": "string"}}}}}},
    })
}

/// A schema among the components: its `$defs` become components of their own, since a `$ref` is read from the
/// document's root.
fn add_schema(document: &mut Value, name: &str, mut schema: Value) {
    let definitions = schema.as_object_mut().and_then(|members| {
        members.shift_remove("$schema");
        members.shift_remove("$id");
        members.shift_remove("$defs")
    });
    let parts = definitions
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    for (part, mut definition) in parts.map(|(part, definition)| (part, definition.clone())) {
        refer(&mut definition, name);
        document["components"]["schemas"][format!("{name}_{part}")] = definition;
    }
    refer(&mut schema, name);
    document["components"]["schemas"][name] = schema;
}

fn refer(schema: &mut Value, name: &str) {
    match schema {
        Value::Object(members) => {
            for (member, value) in members.iter_mut() {
                match (member.as_str(), value) {
                    ("$ref", Value::String(target)) => {
                        *target = target.replace("#/$defs/", &format!("#/components/schemas/{name}_"));
                    }
                    (_, value) => refer(value, name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn example(kind: SpecKind) -> Value {
    match kind {
        SpecKind::Dimension => {
            json!({"ingestion_type": "dimension", "dimension_name": "dimension_school", "input": {
            "type": "object", "properties": {"dimension": {"type": "array", "items": {"type": "object",
            "required": ["school_id"], "key": ["school_id"], "properties": {
                "school_id": {"type": "string", "shouldnotnull": true}, "district_id": {"type": "string"}}}}}}})
        }
        SpecKind::Event => {
            json!({"ingestion_type": "event", "event_name": "event_school_visits", "input": {
            "type": "object", "properties": {"event": {"type": "array", "items": {"type": "object",
            "required": ["date", "school_id", "total_students"], "properties": {
                "date": {"type": "string", "format": "date"}, "school_id": {"type": "string"},
                "total_students": {"type": "integer", "minimum": 0}}}}}}})
        }
        SpecKind::Transformer => {
            json!({"ingestion_type": "transformer", "transformer_name": "attendance_by_day",
            "event_name": "event_attendance_by_month", "steps": [
                {"unpivot": {"columns": {"day_1": "1", "day_2": "2"}, "label": "day", "label_type": "integer",
                    "value": "status"}},
                {"derive": {"column": "date", "date": {"year": {"column": "year"}, "month": {"column": "month"},
                    "day": {"column": "day"}}}},
                {"derive": {"column": "present", "type": "integer", "cases": {"of": "status",
                    "when": {"1": "1", "2": "0"}}}}]})
        }
        SpecKind::Pipeline => json!({"pipeline_name": "attendance_nightly", "pipeline_type": "ingest_to_db",
            "runs": "on_request", "pipeline": [{"event_name": "event_students_attendance",
                "dataset_name": "SAC_stds_atd_cmp_by_school", "dimension_name": "", "transformer_name": ""}]}),
        SpecKind::Schedule => {
            json!({"pipeline_name": "attendance_nightly", "scheduled_at": "cron(0 2 * * ? *)",
            "time_zone": "Asia/Kolkata"})
        }
        SpecKind::Source => json!({"ingestion_type": "source", "source_name": "attendance_of_district",
            "list": {"kind": "html", "url": "https://data.example.org/attendance/",
                "pattern": r"/attendance-(?<date>\d{4}-\d{2}-\d{2})\.csv$", "date_format": "YYYY-MM-DD"},
            "target": {"ingestion_type": "event", "ingestion_name": "event_students_attendance"},
            "allowed_hosts": ["data.example.org"], "content": {"types": ["text/csv"]}}),
        SpecKind::Dataset => json!({"ingestion_type": "dataset", "dataset_name": "students_by_school",
            "event_name": "event_school_visits", "input": {"type": "object", "properties": {
            "dimensions": {"type": "object", "properties": {
                "table": {"type": "string", "pattern": "ingestion.dimension_school"}, "column": ["school_id"],
                "merge_on_col": {"type": "string", "pattern": "school_id"}}},
            "dataset": {"type": "object", "properties": {
                "items": {"type": "array", "items": {"type": "object", "properties": {"date": {"type": "string"},
                    "school_id": {"type": "string"}, "sum_total_students": {"type": "integer"}}}},
                "group_by": ["date", "school_id"],
                "aggregate": {"type": "object", "properties": {"function": ["sum"],
                    "target_table": {"type": "string", "pattern": "ingestion.students_by_school"},
                    "columns": {"type": "array", "items": {"type": "object", "properties": {
                        "column": ["total_students"]}}}}}}}}}}),
    }
}
