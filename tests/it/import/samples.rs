//! All the sample files: each spec is translated, or refused for the reason that is told.

use millrace_core::definition::SpecKind;
use millrace_core::field::DateFormat;
use millrace_spec::import::{Format, Place, Plan};
use millrace_spec::{Catalogue, check_dataset};
use serde_json::Value;

use super::{catalogue, count, files, order, planned, refused};

const AGGREGATE: &str = "/input/properties/dataset/properties/aggregate/properties";

#[test]
fn every_grammar_is_translated_and_every_dataset_compiles() {
    let Some(grammars) = files("cqube/grammar", &[".grammar.csv", "config.json"]) else {
        return;
    };
    let is = |ending: &str| grammars.iter().filter(|file| file.name.ends_with(ending)).count();
    let (dimensions, events) = (is("-dimension.grammar.csv"), is("-event.grammar.csv"));
    assert_eq!((dimensions, events), (17, 43));
    let plan = planned(&order(Format::Grammar, grammars.clone()));
    // Its row of types has a cell more than the others.
    assert_eq!(
        refused(&plan),
        [("event_diksha_avgplaytime", vec!["ragged:3".to_owned()])]
    );
    assert_eq!(count(&plan, SpecKind::Event), events - 1);
    // Joined on an Index column: category_name (of two), course_name, gender, grade_diksha, grade_state, medium, program_name,
    // subject_diksha.
    assert_eq!(count(&plan, SpecKind::Dimension), dimensions + 9);
    let catalogue = catalogue(&plan);
    let mut by_dimension = 0;
    let is_good = |name: &str| name.ends_with("-event.grammar.csv") && !name.contains("avgplaytime");
    for file in grammars.iter().filter(|file| is_good(&file.name)) {
        let first = file.text.lines().next().unwrap_or_default();
        by_dimension += first.split(',').filter(|cell| !cell.trim().is_empty()).count();
    }
    let datasets: Vec<_> = plan
        .specs
        .iter()
        .filter(|spec| spec.kind == Some(SpecKind::Dataset))
        .collect();
    // Beside one by each dimension of each event, these of the whitelisted compounds that an event has all dimensions of.
    let compounds = SCHOOL_COMPOUNDS + TEXTBOOK_COMPOUNDS + PLAIN_COMPOUNDS;
    assert_eq!(datasets.len(), by_dimension + compounds);
    for spec in datasets {
        let made = spec.made.as_ref().unwrap();
        let checked = check_dataset(&made.body, &catalogue);
        assert!(checked.is_ok(), "{}: {checked:?}", spec.name);
        assert!(checked.unwrap().join.is_some(), "{}", spec.name);
    }
    let unused: Vec<&str> = plan.notes.iter().map(|note| note.rule.as_str()).collect();
    assert_eq!(unused, ["not_used"], "no event has a board");
}

/// Three events of students have all nine, three of teachers have no gender.
const SCHOOL_COMPOUNDS: usize = 3 * 9 + 3 * 4;
/// Five events, one compound that is there twice.
const TEXTBOOK_COMPOUNDS: usize = 5;
/// PM Poshan 1, UDISE 2, reviews 1 + 2 + 3, NISHTHA: 4 by state, district and program (3 compounds), 3 by course (2), and 15 by
/// state and program (1).
const PLAIN_COMPOUNDS: usize = 1 + 2 + 6 + 4 * 3 + 3 * 2 + 15;

#[test]
fn all_attendance_kpis_are_translated_and_those_that_contradict_themselves_are_refused() {
    let Some(keys) = files(
        "cqube/lld-sac/keys",
        &["_keys.csv", "_mapping.csv", "_validation.csv"],
    ) else {
        return;
    };
    let mut order = order(Format::Keys, keys);
    order.dates.insert("date".to_owned(), DateFormat::YearMonthDay);
    let plan = planned(&order);
    assert_eq!(
        (count(&plan, SpecKind::Dimension), count(&plan, SpecKind::Event)),
        (6, 5)
    );
    let catalogue = catalogue(&plan);
    let key = |name: &str| {
        let dimension = catalogue
            .dimensions
            .iter()
            .find(|one| one.name.as_str() == name)
            .unwrap();
        dimension
            .key
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(
        ["master", "school", "cluster", "state"].map(|name| key(&format!("dimension_{name}"))),
        ["school_id", "school_id", "cluster_id", "state_id"]
    );
    let made: Vec<(&str, &Value)> = plan
        .specs
        .iter()
        .filter(|spec| spec.kind == Some(SpecKind::Dataset))
        .filter_map(|spec| Some((spec.name.as_str(), &spec.made.as_ref().ok()?.body)))
        .collect();
    let (ready, made): (Vec<_>, Vec<_>) = made
        .into_iter()
        .partition(|(_, body)| body.pointer(AGGREGATE).is_none());
    check_ready(&ready);
    assert_eq!(made.len(), 32);
    assert!(made.iter().all(|(name, _)| name.starts_with("SAC_")));
    let (of_datasets, of_events): (Vec<_>, Vec<_>) = made
        .iter()
        .partition(|(_, body)| body.pointer(&format!("{AGGREGATE}/filters")).is_some());
    assert_eq!((of_datasets.len(), of_events.len()), (8, 24));
    for (name, body) in &made {
        let checked = check_dataset(body, &catalogue);
        let outputs = checked
            .unwrap_or_else(|errors| panic!("{name}: {errors}"))
            .outputs;
        assert_eq!(outputs.last().unwrap().name.as_str(), "percentage");
    }
    check_computed_from_datasets(&made, &of_datasets);
    check_refused(&refused(&plan));
    check_notes(&plan);
}

/// That each schedule is not taken over.
fn check_notes(plan: &Plan) {
    let is_schedule = |place: &Place| {
        let file = place.file.as_deref().unwrap_or_default();
        place.column == Some(6) && file.ends_with("_mapping.csv")
    };
    let schedules = plan.notes.iter().filter(|note| is_schedule(&note.place)).count();
    assert_eq!(schedules, 32);
}

/// Each says its source, which comes before it, its filter, and the names of both counts.
fn check_computed_from_datasets(made: &[(&str, &Value)], of_datasets: &[(&str, &Value)]) {
    let position = |wanted: &str| made.iter().position(|(name, _)| *name == wanted).unwrap();
    for (name, body) in of_datasets {
        let text = |pointer: &str| {
            let found = body
                .pointer(&format!("{AGGREGATE}/{pointer}/pattern"))
                .and_then(Value::as_str);
            found.unwrap_or_else(|| panic!("{name} has no {pointer}"))
        };
        let source = text("columns/items/properties/table")
            .strip_prefix("ingestion.")
            .unwrap();
        assert!(["SAC_stds_atd_cmp_by_school", "SAC_tchs_atd_cmp_by_school"].contains(&source));
        assert!(position(source) < position(name), "{name} comes before {source}");
        let filter =
            ["filter_col", "filter_type", "filter"].map(|part| text(&format!("filters/properties/{part}")));
        assert_eq!(filter, ["percentage", ">=", "50"]);
        assert!(text("numerator_col").ends_with("_above_50_per"));
        assert_eq!(text("denominator_col"), "count_total_schools");
        assert_eq!(body["event_name"], Value::Null, "its event is the source's");
    }
}

/// The reviews whose rows come ready: columns of their types, and no key.
fn check_ready(ready: &[(&str, &Value)]) {
    let expected = [
        ("block", "cluster_id"),
        ("district", "block_id"),
        ("state", "district_id"),
    ];
    assert_eq!(ready.len(), expected.len());
    for ((name, body), (level, place)) in ready.iter().zip(expected) {
        assert_eq!(*name, format!("Review_Monitoring_rmc_by_{level}"));
        let dataset = check_dataset(body, &Catalogue::default()).unwrap();
        let rows = dataset.rows().unwrap();
        let fields: Vec<String> = rows
            .fields
            .iter()
            .map(|field| format!("{} {:?}", field.name, field.field_type))
            .collect();
        let expected = [
            "date Date".to_owned(),
            format!("{place} Integer"),
            "meeting_conducted Text".to_owned(),
        ];
        assert_eq!((&fields[..], &rows.key[..]), (&expected[..], &[][..]));
    }
}

/// The other reviews: what they serve is not what they compute, `yes` is compared with a number, and nothing says their event.
fn check_refused(refused: &[(&str, Vec<String>)]) {
    let expected = |line: u32| -> Vec<String> {
        vec![
            format!("unknown_event:{line}:4"),
            format!("output_mismatch:{line}:14"),
            format!("output_mismatch:{line}:15"),
            format!("output_mismatch:{line}:18"),
        ]
    };
    let mut all = Vec::new();
    for (line, level) in [(34, "block"), (35, "district"), (36, "state")] {
        all.push((format!("Review_Monitoring_per_rmc_by_{level}"), expected(line)));
    }
    let found: Vec<(String, Vec<String>)> = refused
        .iter()
        .map(|(name, told)| ((*name).to_owned(), told.clone()))
        .collect();
    assert_eq!(found, all);
}

/// Where the event is told, that is no longer what is wrong; the filter then is.
#[test]
fn reviews_stay_refused_where_their_event_is_told() {
    let Some(mut keys) = files("cqube/lld-sac/keys", &["_keys.csv", "_mapping.csv"]) else {
        return;
    };
    let mapping = keys
        .iter_mut()
        .find(|file| file.name.ends_with("_mapping.csv"))
        .unwrap();
    mapping.text = mapping.text.trim_end().to_owned()
        + "\nEventToCubePerFilterIncrement,Review_Monitoring,event_review_cluster,Review_Monitoring_per_rmc_by_block,dimension_master,\n";
    let plan = planned(&order(Format::Keys, keys));
    let refused = refused(&plan);
    assert_eq!(refused[0].0, "Review_Monitoring_per_rmc_by_block");
    assert_eq!(
        refused[0].1,
        [
            "output_mismatch:34:14",
            "output_mismatch:34:15",
            "output_mismatch:34:18",
            "wrong_type:34:21"
        ]
    );
}

/// The row schemas; those without a kind in their name are events.
#[test]
fn every_row_schema_is_translated_or_refused_for_its_reason() {
    for (folder, specs, expected) in [
        ("cqube/national/schemas", 34, &[][..]),
        ("cqube/ap/schemas", 24, &OF_AP[..]),
    ] {
        let Some(all) = files(folder, &[".json"]) else {
            return;
        };
        assert_eq!(all.len(), specs, "{folder}");
        let (dimensions, events): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|file| file.name.contains("-dimens"));
        let mut found = Vec::new();
        for (kind, files) in [(SpecKind::Dimension, dimensions), (SpecKind::Event, events)] {
            let total = files.len();
            let mut order = order(Format::Body, files);
            order.kind = Some(kind);
            let plan = planned(&order);
            assert_eq!(plan.specs.len(), total);
            let refused = refused(&plan);
            assert_eq!(count(&plan, kind) + refused.len(), total);
            found.extend(
                refused
                    .into_iter()
                    .map(|(name, told)| format!("{name} {}", told.join(" "))),
            );
        }
        assert_eq!(found, expected, "{folder}");
    }
}

/// Columns that are required and nowhere described, one of them for a letter that is missing.
const OF_AP: [&str; 3] = [
    "event_diksha_nishtha_percentage_enrollment_certification unknown_field/input/required/12",
    "event_diksha_nishtha_tot_courses_medium unknown_field/input/required/4",
    "event_udise_all_dashboard unknown_field/input/required/8",
];
