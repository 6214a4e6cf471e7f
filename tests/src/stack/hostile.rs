//! Files that nobody should send, and everybody does.

const HEADER: &str = "date,school_id,grade,present,total\n";
const GOOD: &str = "2024-01-25,1000000001,1,10,20\n";

/// Sixty of them, each with a name: none can be taken as it is, each must end in a state with a reason.
#[must_use]
pub fn hostile_files() -> Vec<(String, Vec<u8>)> {
    let mut files = headers();
    files.extend(foreign());
    files.extend(records());
    files.extend(bytes());
    files.extend(large());
    let named = files
        .into_iter()
        .map(|(name, content)| (format!("hostile {name}.csv"), content));
    named.collect()
}

type Named = (String, Vec<u8>);

fn file(name: &str, content: impl Into<Vec<u8>>) -> Named {
    (name.to_owned(), content.into())
}

/// The header and one row of our own.
fn with_row(name: &str, row: &[u8]) -> Named {
    file(name, [HEADER.as_bytes(), row].concat())
}

fn headers() -> Vec<Named> {
    let columns = |count: usize| {
        (0..count)
            .map(|at| format!("c{at}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    vec![
        file("no bytes", ""),
        file("one line end", "\n"),
        file("blanks", "   \n  \n"),
        file("header alone", HEADER),
        file("header without line end", HEADER.trim_end()),
        file("no header", GOOD.repeat(3)),
        file("unknown column", format!("extra,{HEADER}x,{GOOD}")),
        file(
            "column missing",
            "date,school_id,grade,present\n2024-01-25,1000000001,1,10\n",
        ),
        file("column twice", format!("date,{HEADER}2024-01-25,{GOOD}")),
        file("column without name", format!("{}, \n{GOOD}", HEADER.trim_end())),
        file("empty column", format!(",{HEADER},{GOOD}")),
        file(
            "10,000 columns",
            format!("{}\n{}\n", columns(10_000), columns(10_000)),
        ),
        file("header quote never closed", format!("\"{HEADER}{GOOD}")),
        file("header in other case", format!("{}{GOOD}", HEADER.to_uppercase())),
        file("colons", format!("{HEADER}{GOOD}").replace(',', ":")),
        file("blanks for commas", format!("{HEADER}{GOOD}").replace(',', " ")),
        file("NUL in the header", format!("da\0te{HEADER}{GOOD}")),
        file("html", "<!doctype html><html><body>404</body></html>\n"),
        file("json", "{\"date\": \"2024-01-25\"}\n"),
    ]
}

fn foreign() -> Vec<Named> {
    let utf16 = |text: &str, big: bool| -> Vec<u8> {
        let order = |unit: u16| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        text.encode_utf16().flat_map(order).collect()
    };
    let text = format!("{HEADER}{GOOD}");
    let with_mark = |mark: [u8; 2], big, row: &[u8]| [&mark[..], &utf16(HEADER, big), row].concat();
    // "a" through gzip, and that through gzip once more: only the first bytes matter.
    let gzip = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 4, 0, 0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0,
    ];
    vec![
        file(
            "half a surrogate in utf-16",
            with_mark([0xff, 0xfe], false, b"x\0\0\xd8\n\0"),
        ),
        file(
            "utf-16 cut in a character",
            with_mark([0xfe, 0xff], true, b"\0x\0,\0"),
        ),
        file("utf-16 little without mark", utf16(&text, false)),
        file("utf-16 big without mark", utf16(&text, true)),
        file("gzip", gzip),
        file(
            "gzip of gzip",
            [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &gzip].concat(),
        ),
        file("zip", *b"PK\x03\x04\x14\x00\x00\x00\x08\x00 a zip"),
        file("empty zip", *b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        file("zstd", *b"\x28\xb5\x2f\xfd\x04\x00\x09\x00\x00a"),
        file("pdf", *b"%PDF-1.7\n1 0 obj\n"),
        file("png", *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        file("elf", *b"\x7fELF\x02\x01\x01\0\0\0\0\0"),
        file("latin-1 header", *b"d\xe4te,school_id,grade,present,total\n"),
        file(
            "random bytes",
            (0_u32..4_096)
                .map(|at| (at.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0])
                .collect::<Vec<_>>(),
        ),
    ]
}

fn records() -> Vec<Named> {
    vec![
        with_row("too few cells", b"2024-01-25,1000000001,1,10\n"),
        with_row("too many cells", b"2024-01-25,1000000001,1,10,20,30\n"),
        with_row("a word for a number", b"2024-01-25,1000000001,one,10,20\n"),
        with_row("a day that does not exist", b"2024-02-30,1000000001,1,10,20\n"),
        with_row(
            "a number beyond 64 bits",
            b"2024-01-25,1000000001,1,10,99999999999999999999999999\n",
        ),
        with_row("infinity", b"2024-01-25,1000000001,1,inf,20\n"),
        with_row("not a number", b"2024-01-25,1000000001,1,NaN,20\n"),
        with_row("hexadecimal", b"2024-01-25,1000000001,1,0x10,20\n"),
        with_row("a formula", b"=cmd|'/c calc'!A0,1000000001,1,10,20\n"),
        with_row(
            "sql",
            b"2024-01-25,1000000001,1,\"1); drop table ingestion.file; --\",20\n",
        ),
        with_row("a required cell empty", b"2024-01-25,,1,10,20\n"),
        with_row("nothing but commas", b",,,,\n"),
        with_row(
            "a quote never closed",
            b"2024-01-25,\"1000000001,1,10,20\n2024-01-25,1000000001,x,10,20\n",
        ),
        with_row("a quote in the middle", b"2024-01-25,10000\"00001,1,10,20\n"),
        with_row(
            "something behind a quote",
            b"2024-01-25,\"1000000001\"x,1,10,20\n",
        ),
        with_row("a lone quote at the end", b"2024-01-25,1000000001,1,10,20\""),
    ]
}

fn bytes() -> Vec<Named> {
    vec![
        with_row("a NUL byte", b"2024-01-25,1000\x00000001,1,10,20\n"),
        with_row("nothing but NUL bytes", &[0; 2_000]),
        with_row("bad utf-8", b"2024-01-25,1000000001\xff,1,10,20\n"),
        with_row("overlong utf-8", b"2024-01-25,\xc0\xaf1000000001,x,10,20\n"),
        with_row("half a surrogate", b"2024-01-25,\xed\xa0\x80,x,10,20\n"),
        with_row("cut in a character", b"2024-01-25,1000000001,1,10,2\xe2\x82"),
        with_row("every byte", &(0..=255).collect::<Vec<u8>>()),
    ]
}

fn large() -> Vec<Named> {
    let megabytes = |count: usize, byte: u8| vec![byte; count << 20];
    vec![
        with_row("a line of 10 MB", &megabytes(10, b'x')),
        with_row(
            "a cell of 3 MB in quotes",
            &[&b"\""[..], &megabytes(3, b'y'), b"\",1,1,1,1\n"].concat(),
        ),
        with_row("2 MB of commas", &megabytes(2, b',')),
        file("a header of 2 MB", megabytes(2, b'h')),
    ]
}
