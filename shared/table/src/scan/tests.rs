use proptest::prelude::*;

use super::{Dialect, Extent, Scanner, Shape};

/// A record as tests compare it: line, shape, cells as they stand in the file.
type Seen = (u64, Shape, Vec<String>);

fn scan_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Seen> {
    let mut scanner = Scanner::new(Dialect::default(), limit, 1);
    let mut seen = Vec::new();
    for piece in pieces {
        scanner.feed(piece);
        drain(&mut scanner, Extent::Prefix, &mut seen);
    }
    drain(&mut scanner, Extent::Whole, &mut seen);
    seen
}

fn drain(scanner: &mut Scanner, extent: Extent, seen: &mut Vec<Seen>) {
    while let Some(record) = scanner.next_record(extent) {
        let cells = match record.shape {
            Shape::Cells => crate::cell::each(scanner.data(), &record, scanner.cells())
                .map(|(_, cell)| String::from_utf8_lossy(cell).into_owned())
                .collect(),
            _ => vec![String::from_utf8_lossy(&scanner.data()[record.start..record.end]).into_owned()],
        };
        seen.push((record.line, record.shape, cells));
    }
}

fn scan(bytes: &[u8]) -> Vec<Seen> {
    scan_pieces([bytes], 1 << 20)
}

fn good(line: u64, cells: &[&str]) -> Seen {
    (
        line,
        Shape::Cells,
        cells.iter().map(|cell| (*cell).to_owned()).collect(),
    )
}

fn bad(line: u64, text: &str) -> Seen {
    (line, Shape::BadQuoting, vec![text.to_owned()])
}

fn long(line: u64, text: &str) -> Seen {
    (line, Shape::TooLong, vec![text.to_owned()])
}

#[test]
fn lines_end_in_three_ways_and_the_last_needs_no_end() {
    let expected = [good(1, &["a", "b"]), good(2, &["c", ""]), good(3, &["", "d"])];
    assert_eq!(scan(b"a,b\nc,\n,d\n"), expected);
    assert_eq!(scan(b"a,b\r\nc,\r\n,d\r\n"), expected);
    assert_eq!(scan(b"a,b\rc,\r,d\r"), expected);
    assert_eq!(scan(b"a,b\r\nc,\r,d"), expected);
}

#[test]
fn blank_lines_are_skipped_and_counted_as_lines() {
    assert_eq!(scan(b"\n\r\na\n\n\r\rb\n\n"), [good(3, &["a"]), good(7, &["b"])]);
    assert_eq!(scan(b"\n\n"), []);
    assert_eq!(scan(b""), []);
}

#[test]
fn quoted_cells_hold_delimiters_quotes_and_line_ends() {
    assert_eq!(
        scan(b"\"a,b\",\"c\"\"d\"\n\"e\nf\r\ng\rh\",\"\"\ni,\"\""),
        [
            good(1, &["\"a,b\"", "\"c\"\"d\""]),
            good(2, &["\"e\nf\r\ng\rh\"", "\"\""]),
            good(6, &["i", "\"\""]),
        ]
    );
}

#[test]
fn a_quote_that_never_closes_costs_its_line() {
    assert_eq!(
        scan(b"a,\"b\nc,d\ne,f\n"),
        [bad(1, "a,\"b"), good(2, &["c", "d"]), good(3, &["e", "f"])]
    );
    assert_eq!(
        scan(b"a,\"b\nc,d\ne,\"f\"\n"),
        [bad(1, "a,\"b"), good(2, &["c", "d"]), good(3, &["e", "\"f\""])]
    );
}

#[test]
fn a_quote_where_none_may_stand_costs_its_line() {
    assert_eq!(
        scan(b"a,b\"c\"\nd,e\n"),
        [bad(1, "a,b\"c\""), good(2, &["d", "e"])]
    );
    assert_eq!(
        scan(b"\"a\"x,b\nd,e\n"),
        [bad(1, "\"a\"x,b"), good(2, &["d", "e"])]
    );
    assert_eq!(scan(b"a, \"b\"\n"), [bad(1, "a, \"b\"")]);
    assert_eq!(scan(b"\""), [bad(1, "\"")]);
}

#[test]
fn a_long_line_is_one_record_and_reading_goes_on() {
    let text = b"0123456789,\n0123456789\r\n0,0\n";
    let expected = [
        long(1, "0123456789"),
        good(2, &["0123456789"]),
        good(3, &["0", "0"]),
    ];
    assert_eq!(scan_pieces([&text[..]], 10), expected);
    let no_end = [long(1, "0123456789"), good(2, &["x"])];
    assert_eq!(scan_pieces([&b"0123456789abc\nx"[..]], 10), no_end);
    assert_eq!(
        scan_pieces([&b"\"123456789\"\nx"[..]], 10),
        [long(1, "\"123456789"), good(2, &["x"])]
    );
}

#[test]
fn a_quoted_record_above_the_limit_is_bad_from_its_first_line_on() {
    assert_eq!(
        scan_pieces([&b"\"1234\n6789\"\nx"[..]], 10),
        [bad(1, "\"1234"), bad(2, "6789\""), good(3, &["x"])]
    );
    assert_eq!(
        scan_pieces([&b"\"1234\n678\"\r\nx"[..]], 10),
        [good(1, &["\"1234\n678\""]), good(3, &["x"])]
    );
}

#[test]
fn no_more_than_a_record_and_a_piece_is_kept() {
    let mut scanner = Scanner::new(Dialect::default(), 1 << 20, 1);
    let piece = vec![b'x'; Scanner::PIECE_BYTES];
    let mut records = 0;
    for _ in 0..160 {
        scanner.feed(&piece);
        while scanner.next_record(Extent::Prefix).is_some() {
            records += 1;
        }
        assert!(scanner.data().len() <= (1 << 20) + 2 * Scanner::PIECE_BYTES);
    }
    scanner.feed(b"\na\n");
    let record = scanner.next_record(Extent::Prefix).unwrap();
    assert_eq!((record.line, records), (2, 1));
    assert_eq!(record.offset, 160 * Scanner::PIECE_BYTES as u64 + 1);
}

/// Bytes of which most mean something.
fn noise(length: usize) -> impl Strategy<Value = Vec<u8>> {
    const BYTES: &[u8] = b"aaaaaa,,,\"\"\"\"\n\n\n\r\r\0\xFF\xC3\xA9 ";
    proptest::collection::vec(0..BYTES.len(), 0..length)
        .prop_map(|places| places.into_iter().map(|place| BYTES[place]).collect())
}

fn split<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, more) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = more;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_pieces_make_no_difference(
        bytes in noise(120),
        sizes in proptest::collection::vec(1_usize..9, 1..9),
        limit in prop_oneof![Just(8_usize), Just(20), Just(1 << 20)],
    ) {
        let whole = scan_pieces([&bytes[..]], limit);
        prop_assert_eq!(&scan_pieces(split(&bytes, &sizes), limit), &whole);
        prop_assert_eq!(&scan_pieces(split(&bytes, &[1]), limit), &whole);
    }

    #[test]
    fn nothing_but_line_ends_lies_between_records(bytes in noise(200)) {
        let mut scanner = Scanner::new(Dialect::default(), 1 << 20, 1);
        scanner.feed(&bytes);
        let mut end = 0;
        let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        while let Some(record) = scanner.next_record(Extent::Whole) {
            prop_assert!(bytes[end..record.start].iter().all(is_line_end));
            prop_assert!(record.end > record.start);
            end = record.end;
        }
        prop_assert!(bytes[end..].iter().all(is_line_end));
    }

    #[test]
    fn valid_files_read_as_the_csv_crate_reads_them(
        rows in proptest::collection::vec(proptest::collection::vec("[a,\"\r\n é]{0,6}", 1..5), 0..8),
        is_crlf in any::<bool>(),
        quotes_all in any::<bool>(),
    ) {
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .terminator(if is_crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .quote_style(if quotes_all { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(&bytes[..]).into_records();
        let expected: Vec<Vec<String>> =
            reader.map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        let unquoted = |cell: &String| {
            let inner = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
            inner.map_or_else(|| cell.clone(), |inner| inner.replace("\"\"", "\""))
        };
        let seen = scan(&bytes);
        prop_assert!(seen.iter().all(|(_, shape, _)| *shape == Shape::Cells));
        let seen: Vec<Vec<String>> = seen.iter().map(|(_, _, cells)| cells.iter().map(unquoted).collect()).collect();
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn many_open_quotes_do_not_cost_quadratic_time() {
    // Every line opens a quote that the next but one line proves bad; a careless scanner looks at all of the rest of
    // the file for each of them and does not come to an end here.
    let text = b"a,\"b\nc,\"\"\"d\n".repeat(200_000);
    let seen = scan(&text);
    assert_eq!(seen.len(), 400_000);
}
