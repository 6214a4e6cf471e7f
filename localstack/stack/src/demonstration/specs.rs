//! The demonstration's specs, in the seed's form.

use serde_json::{Value, json};

/// Schools, with the cluster, block and district that each belongs to.
pub(super) fn dimension(name: &str) -> Value {
    let text = json!({"type": "string", "shouldnotnull": true});
    json!({
        "ingestion_type": "dimension",
        "dimension_name": name,
        "input": {"type": "object", "required": ["dimension_name", "dimension"], "properties": {
            "dimension_name": {"type": "string"},
            "target_table": {"type": "string", "pattern": format!("ingestion.{name}")},
            "dimension": {"type": "array", "items": {
                "type": "object",
                "required": ["school_id", "school_name", "cluster_name", "block_name", "district_name"],
                "properties": {
                    "school_id": {"type": "string", "shouldnotnull": true, "pattern": "^[0-9]{10}$"},
                    "school_name": text,
                    "cluster_name": text,
                    "block_name": text,
                    "district_name": text,
                },
            }},
        }},
    })
}

/// Pupils of a grade who came to school on a day.
pub(super) fn event(name: &str) -> Value {
    json!({
        "ingestion_type": "event",
        "event_name": name,
        "input": {"type": "object", "required": ["event_name", "event"], "properties": {
            "event_name": {"type": "string"},
            "event": {"type": "array", "items": {
                "type": "object",
                "required": ["date", "school_id", "grade", "students_present", "total_students"],
                "properties": {
                    "date": {"type": "string", "shouldnotnull": true, "format": "date"},
                    "school_id": {"type": "string", "shouldnotnull": true, "pattern": "^[0-9]{10}$"},
                    "grade": {"type": "integer", "minimum": 1, "maximum": 12},
                    "students_present": {"type": "integer", "minimum": 0},
                    "total_students": {"type": "integer", "minimum": 1},
                },
            }},
        }},
    })
}

/// Present pupils of all pupils, by school and day.
pub(super) fn dataset(name: &str, dimension: &str, event: &str) -> Value {
    let columns = [
        "date",
        "school_id",
        "sum_students_present",
        "sum_total_students",
        "percentage",
    ];
    json!({
        "ingestion_type": "dataset",
        "dataset_name": name,
        "event_name": event,
        "input": {"type": "object", "required": ["dataset_name", "dataset"], "properties": {
            "dataset_name": {"type": "string"},
            "dimensions": {"type": "object", "required": ["table", "column", "merge_on_col"], "properties": {
                "table": {"type": "string", "pattern": format!("ingestion.{dimension}")},
                "column": ["school_id"],
                "merge_on_col": {"type": "string", "pattern": "school_id"},
            }},
            "dataset": {"type": "object", "required": ["items"], "properties": {
                "items": {"type": "array", "items": {"type": "object", "required": columns, "properties": {
                    "date": {"type": "string"},
                    "school_id": {"type": "string"},
                    "sum_students_present": {"type": "integer"},
                    "sum_total_students": {"type": "integer"},
                    "percentage": {"type": "number"},
                }}},
                "group_by": ["date", "school_id"],
                "aggregate": {"type": "object", "required": ["target_table"], "properties": {
                    "function": ["sum"],
                    "target_table": {"type": "string", "pattern": format!("ingestion.{name}")},
                    "numerator_col": {"type": "string", "pattern": "sum_students_present"},
                    "denominator_col": {"type": "string", "pattern": "sum_total_students"},
                    "update_cols": ["sum_students_present", "sum_total_students", "percentage"],
                    "columns": {"type": "array", "items": {"type": "object", "required": ["column"],
                        "properties": {"column": ["students_present", "total_students"]}}},
                }},
            }},
        }},
    })
}
