use millrace_core::field::FieldType;

use super::{Column, Validity};

#[test]
fn a_text_slot_is_read_by_its_offsets() {
    let column = Column::Text {
        offsets: vec![0, 2, 2, 5],
        bytes: b"abcde".to_vec(),
    };
    assert_eq!(column.len(), 3);
    assert_eq!(column.text(0), Some(&b"ab"[..]));
    assert_eq!(column.text(1), Some(&b""[..]));
    assert_eq!(column.text(2), Some(&b"cde"[..]));
    assert_eq!(column.text(3), None);
}

#[test]
fn a_column_forgets_what_is_taken_back() {
    let mut column = Column::Text {
        offsets: vec![0, 2, 5],
        bytes: b"abcde".to_vec(),
    };
    column.push_default();
    column.truncate(1);
    assert_eq!(
        column,
        Column::Text {
            offsets: vec![0, 2],
            bytes: b"ab".to_vec()
        }
    );
    let mut empty = Column::new(FieldType::Date);
    empty.push_default();
    empty.truncate(0);
    assert!(empty.is_empty());
}

#[test]
fn a_row_beyond_the_bitmap_holds_no_value() {
    let validity = Validity::Bitmap(vec![0b101]);
    assert!(validity.is_valid(0) && !validity.is_valid(1) && validity.is_valid(2));
    assert!(!validity.is_valid(64));
    assert!(Validity::All.is_valid(1_000_000));
}
