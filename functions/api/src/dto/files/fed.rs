//! What a file feeds.

use millrace_core::Name;
use millrace_core::facts::DatasetFacts;
use serde::Serialize;
use utoipa::ToSchema;

/// A dataset, or the dimension, that a file feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FedDataset {
    /// Its name.
    #[schema(value_type = String, example = "SAC_stds_atd_cmp_by_school")]
    pub dataset: Name,
    /// Whether it has the file.
    pub applied: bool,
    /// Whether it refused the file, for the reason that the file's error is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// Whether the file is held until a run of a pipeline begins.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

impl From<DatasetFacts> for FedDataset {
    fn from(facts: DatasetFacts) -> Self {
        Self {
            dataset: facts.dataset,
            applied: facts.applied && !facts.refused,
            refused: facts.refused,
            held: facts.held,
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_core::Name;
    use millrace_core::facts::DatasetFacts;
    use serde_json::json;

    use super::FedDataset;

    #[test]
    fn what_was_refused_is_not_applied() {
        let fed = |applied, refused| {
            let facts = DatasetFacts {
                dataset: Name::parse("d").unwrap(),
                applied,
                held: false,
                refused,
            };
            serde_json::to_value(FedDataset::from(facts)).unwrap()
        };
        assert_eq!(fed(true, false), json!({"dataset": "d", "applied": true}));
        assert_eq!(
            fed(true, true),
            json!({"dataset": "d", "applied": false, "refused": true})
        );
        assert_eq!(fed(false, false), json!({"dataset": "d", "applied": false}));
    }
}
