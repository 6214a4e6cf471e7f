use millrace_core::Decimal;

use super::{StageError, stage_chunks};
use crate::difference::{CellDifference, Extremes, MeasureDifference};
use crate::key::CellKey;

/// The most bytes of a chunk.
const MAX_BYTES: usize = 1 << 20;

fn measure(count: i64, sum: &str, extremes: Extremes) -> MeasureDifference {
    MeasureDifference {
        count,
        sum: Decimal::parse_sum(sum).unwrap(),
        extremes,
    }
}

fn cell(key: &[Option<&str>], rows: i64, measures: Vec<MeasureDifference>) -> CellDifference {
    CellDifference {
        key: CellKey::of(key).unwrap(),
        rows,
        measures,
    }
}

#[test]
fn rows_are_positional_and_large_numbers_are_strings() {
    let number = |text: &str| Some(text.parse::<Decimal>().unwrap());
    let combine = Extremes::Combine {
        min: number("-0.5"),
        max: None,
    };
    let exact = Extremes::Exact {
        min: None,
        max: number("7"),
    };
    let differences = [
        cell(
            &[Some("2023-01-08"), Some("a\"b"), None],
            -3,
            vec![
                measure(1 << 53, "12.5", combine),
                measure((1 << 53) + 1, "170141183460469231731687303715884105727", exact),
                measure(i64::MIN, "0", Extremes::None),
            ],
        ),
        cell(&[], 1, Vec::new()),
    ];
    let chunks: Vec<_> = stage_chunks(&differences, MAX_BYTES).unwrap().collect();
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0].rows, 2);
    let expected = concat!(
        r#"[["[\"2023-01-08\",\"a\\\"b\",null]",-3,"#,
        r#"[9007199254740992,"9007199254740993","-9223372036854775808"],"#,
        r#"["12.5","170141183460469231731687303715884105727","0"],"#,
        r#"["-0.5",null,null],[null,"7",null],[false,true,false]],"#,
        r#"["[]",1,[],[],[],[],[]]]"#,
    );
    assert_eq!(chunks[0].json, expected);
}

#[test]
fn chunks_are_full_but_never_too_long() {
    let differences: Vec<CellDifference> = (0..40_000)
        .map(|number| {
            let text = format!("{number:0>90}");
            cell(&[Some(&text)], number, Vec::new())
        })
        .collect();
    let chunks: Vec<_> = stage_chunks(&differences, MAX_BYTES).unwrap().collect();
    assert!(chunks.len() > 3);
    let mut expected = 0;
    for (number, chunk) in chunks.iter().enumerate() {
        assert!(chunk.json.len() <= MAX_BYTES);
        assert!(chunk.json.len() > MAX_BYTES - 200 || number + 1 == chunks.len());
        let rows: Vec<serde_json::Value> = serde_json::from_str(&chunk.json).unwrap();
        assert_eq!(rows.len(), chunk.rows as usize);
        for row in rows {
            assert_eq!(row[1], expected);
            expected += 1;
        }
    }
    assert_eq!(expected, 40_000);
    assert_eq!(stage_chunks(&[], MAX_BYTES).unwrap().count(), 0);
}

#[test]
fn a_chunk_may_be_exactly_as_long_as_the_limit() {
    // Around the text of a key there are 27 bytes: 1,023 rows of 1,024 bytes fill a chunk to the last byte, of 1,024
    // rows of 1,023 bytes the last one is a byte too much.
    for (text_bytes, rows, bytes) in [(997, 1_023, MAX_BYTES), (996, 1_023, MAX_BYTES + 1 - 1_024)] {
        let text = "x".repeat(text_bytes);
        let differences = vec![cell(&[Some(&text)], 0, Vec::new()); 1_024];
        let chunks: Vec<_> = stage_chunks(&differences, MAX_BYTES).unwrap().collect();
        assert_eq!(
            (chunks.len(), chunks[0].rows, chunks[0].json.len()),
            (2, rows, bytes)
        );
        assert_eq!(chunks[1].rows, 1);
    }
}

#[test]
fn what_is_not_settled_is_not_staged() {
    let differences = [cell(&[None], 0, vec![measure(0, "0", Extremes::Retracted)])];
    let error = stage_chunks(&differences, MAX_BYTES).unwrap_err();
    assert_eq!(error, StageError::Unsettled(differences[0].key.clone()));
}
