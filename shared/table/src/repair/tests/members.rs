//! Repair files of archives: rows are named by member and line.

use millrace_core::csv::{CsvFormat, Quote};
use proptest::prelude::*;

use super::*;
use crate::repair::{MEMBER_COLUMN, RowsOf};

/// An archive's member, whose header was read.
struct Member {
    name: String,
    header: Header,
    layout: RowLayout,
}

/// A checked archive.
struct Archive<'a> {
    format: FileFormat<'a>,
    rows_of: RowsOf,
    members: Vec<Member>,
    rejected: Vec<RejectedRow>,
}

/// Rows that were kept, by member and line.
type Kept = BTreeMap<(String, u64), String>;

fn outcome(check: &mut FileCheck) -> (Kept, Vec<RejectedRow>) {
    let counts = check.finish().unwrap().counts;
    let part = check.take_part_bytes();
    let mut reader = PartReader::new(&part[..]).unwrap();
    let mut kept = Kept::new();
    while let Some(block) = reader.next_block().unwrap() {
        let member = reader.member().unwrap().to_owned();
        for row in 0..block.rows() {
            let texts = block.columns.iter().map(|column| column.text_at(row).unwrap());
            let texts: Vec<String> = texts.map(|text| text.unwrap_or_else(|| "-".to_owned())).collect();
            kept.insert((member.clone(), block.lines[row]), texts.join("|"));
        }
    }
    let (rejected, _) = read_rejected(&check.take_row_error_bytes());
    assert_eq!(
        (kept.len() as u64, rejected.len() as u64),
        (counts.kept, counts.rejected)
    );
    assert_eq!(counts.rows, counts.kept + counts.rejected);
    (kept, rejected)
}

impl<'a> Archive<'a> {
    fn checked(format: FileFormat<'a>, texts: &[(&str, &str)]) -> Self {
        let limits = Limits::default();
        let member = |(name, text): &(&str, &str)| {
            let Ok(HeaderRead::Done(header)) = Header::read(text.as_bytes(), Extent::Whole, format, &limits)
            else {
                panic!("the header does not fit");
            };
            Member {
                name: (*name).to_owned(),
                layout: RowLayout::of(text.as_bytes(), &header, format.csv),
                header,
            }
        };
        let members: Vec<Member> = texts.iter().map(member).collect();
        let mut archive = Self {
            format,
            rows_of: match members.len() {
                1 => RowsOf::OneMember,
                _ => RowsOf::Members,
            },
            members,
            rejected: Vec::new(),
        };
        let mut check = archive.check();
        for (member, (_, text)) in archive.members.iter().zip(texts) {
            archive.begin(&mut check, member);
            let used = usize::try_from(member.header.bytes_used).unwrap();
            check.push(&text.as_bytes()[used..]).unwrap();
        }
        (_, archive.rejected) = outcome(&mut check);
        archive
    }

    fn check(&self) -> FileCheck {
        let header = &self.members[0].header;
        FileCheck::new(self.format, header, header.start(), Limits::default()).unwrap()
    }

    fn begin(&self, check: &mut FileCheck, member: &Member) {
        let line = member.header.start().line;
        check
            .begin_member(self.format, &member.header, line, &member.name)
            .unwrap();
    }

    fn member(&self, row: &RejectedRow) -> &Member {
        let named = |member: &&Member| row.member.as_ref() == Some(&member.name);
        self.members.iter().find(named).unwrap()
    }

    /// The layout of its repair file.
    fn first(&self) -> RowLayout {
        self.member(&self.rejected[0]).layout.clone()
    }

    fn repair_file(&self) -> Vec<u8> {
        let mut writer = RepairWriter::new(self.first(), self.rows_of, self.format.fields).unwrap();
        let mut output = Vec::new();
        writer.write_header(&mut output);
        for row in &self.rejected {
            writer.write_row(row, &self.member(row).layout, &mut output);
        }
        output
    }

    fn repaired(&self, sent: &[u8]) -> Result<(Kept, Vec<RejectedRow>), FileError> {
        let mut repair = RepairFile::read(sent, self.format.csv, self.first(), self.rows_of)?;
        let (mut check, mut last) = (self.check(), None);
        for row in &self.rejected {
            if !repair.has(row) {
                check.push_rejected(row).unwrap();
                continue;
            }
            if last.replace(&row.member) != Some(&row.member) {
                self.begin(&mut check, self.member(row));
            }
            match repair.take(row, &self.member(row).layout) {
                Mended::No => check.push_rejected(row).unwrap(),
                Mended::Line(line) => check.push_row(row.record, row.line, &line).unwrap(),
            }
        }
        for row in repair.into_refused() {
            check.push_rejected(&row).unwrap();
        }
        Ok(outcome(&mut check))
    }
}

const HOSTILE: &str = "../\"two\",\nand; 'so on'\\n.csv";

/// Two members with the same header, one with another order of columns, one with another delimiter.
const TEXTS: [(&str, &str); 5] = [
    ("clean.csv", "grade,school,day\n4,1000,2023-01-08\n"),
    (
        "one.csv",
        "day,school,gender,grade,name\n2023-01-08,1000,Male,x,Asha\n2023-01-08,1000,Male,4,Asha\n2023-01-08,1,,5,\n",
    ),
    (
        HOSTILE,
        "day,school,gender,grade,name\r\n\r\n2023-01-08,1000,,13,\r\n2023-01-08,1,,5,\r\n",
    ),
    (
        "other/order.csv",
        "school,grade,day\n1000,4,2023-01-08\n1000,x,2023-01-08\n\n1,\"5\",2023-01-08\n",
    ),
    (
        "semicolons.csv",
        "day;school;gender;grade;name\n2023-01-08;1000;\"Femal\";4;\n",
    ),
];

fn kept(rows: &[(&str, u64, &str)]) -> Kept {
    let row = |(member, line, text): &(&str, u64, &str)| (((*member).to_owned(), *line), (*text).to_owned());
    rows.iter().map(row).collect()
}

#[test]
fn rows_come_with_their_member_and_those_of_another_header_as_lines() {
    let fields = fields();
    let archive = Archive::checked(FileFormat::plain(&fields), &TEXTS);
    let rows = sheet(&archive.repair_file(), b',');
    let header = ["day", "school", "gender", "grade", "name", MEMBER_COLUMN];
    assert_eq!(rows[0], [&header[..], &COLUMNS].concat());
    let told: Vec<(String, &str, &str)> = rows[1..]
        .iter()
        .map(|row| (row[..5].join("|"), row[5].as_str(), row[6].as_str()))
        .collect();
    let line = |line: &str| format!("{line}||||");
    assert_eq!(
        told,
        [
            ("2023-01-08|1000|Male|x|Asha".to_owned(), "one.csv", "2"),
            ("2023-01-08|1||5|".to_owned(), "one.csv", "4"),
            ("2023-01-08|1000||13|".to_owned(), HOSTILE, "3"),
            ("2023-01-08|1||5|".to_owned(), HOSTILE, "4"),
            (line("1000,x,2023-01-08"), "other/order.csv", "3"),
            (line("1,\"5\",2023-01-08"), "other/order.csv", "5"),
            (line("2023-01-08;1000;\"Femal\";4;"), "semicolons.csv", "2"),
        ]
    );
    assert_eq!((rows[5][7].as_str(), rows[7][9].as_str()), ("grade", "Female"));
}

#[test]
fn what_nobody_mended_of_an_archive_is_what_it_was() {
    let fields = fields();
    let archive = Archive::checked(FileFormat::plain(&fields), &TEXTS);
    let bytes = archive.repair_file();
    assert_eq!(
        archive.repaired(&bytes).unwrap(),
        (Kept::new(), archive.rejected.clone())
    );
    let mut rows = sheet(&bytes, b',');
    rows[1..].reverse();
    for row in &mut rows {
        let member = row.remove(5);
        row.insert(0, member);
    }
    let sent = saved(&rows, b'\t');
    assert_eq!(
        archive.repaired(&sent).unwrap(),
        (Kept::new(), archive.rejected.clone())
    );
}

#[test]
fn what_is_mended_is_kept_under_its_member_and_line() {
    let fields = fields();
    let archive = Archive::checked(FileFormat::plain(&fields), &TEXTS);
    let mut rows = sheet(&archive.repair_file(), b',');
    rows[1][3] = "7".to_owned();
    rows[3][3] = "12".to_owned();
    rows[4][1] = "2000".to_owned();
    rows[5][0] = "1000,3,2023-01-08".to_owned();
    rows[6][0] = "2222,\"5\",2023-01-08".to_owned();
    rows[7][0] = "2023-01-08;1000;Female;4;".to_owned();
    let mended = kept(&[
        ("one.csv", 2, "2023-01-08|1000|Male|7|Asha"),
        (HOSTILE, 3, "2023-01-08|1000|-|12|-"),
        (HOSTILE, 4, "2023-01-08|2000|-|5|-"),
        ("other/order.csv", 3, "2023-01-08|1000|-|3|-"),
        ("other/order.csv", 5, "2023-01-08|2222|-|5|-"),
        ("semicolons.csv", 2, "2023-01-08|1000|Female|4|-"),
    ]);
    let left = vec![archive.rejected[1].clone()];
    assert_eq!(
        archive.repaired(&saved(&rows, b';')).unwrap(),
        (mended, left.clone())
    );
    // Rows that are left out stay as they are, and so does all of a member of which none is sent.
    let some = [rows[0].clone(), rows[6].clone()];
    let (taken, rejected) = archive.repaired(&saved(&some, b',')).unwrap();
    assert_eq!(taken, kept(&[("other/order.csv", 5, "2023-01-08|2222|-|5|-")]));
    assert_eq!((rejected.len(), rejected[1].clone()), (6, left[0].clone()));
}

#[test]
fn a_row_that_names_no_rejected_one_of_its_member_is_refused() {
    let fields = fields();
    let archive = Archive::checked(FileFormat::plain(&fields), &TEXTS);
    let sent = "day,school,gender,grade,name,millrace_member,millrace_line\n\
        2023-01-08,1000,,1,,one.csv,3\n\
        2023-01-08,1000,,1,,other/order.csv,4\n\
        2023-01-08,1000,,1,,nosuch.csv,2\n\
        2023-01-08,1000,,1,,,2\n\
        2023-01-08,1000,,1,,one.csv,2\n\
        2023-01-08,1000,,1,,one.csv,2\n\
        \"1000,3,2023-01-08\",1000,,1,,other/order.csv,3\n\
        \"1000,3,2023-01-08\n2000,3,2023-01-08\",,,,,other/order.csv,5\n";
    let (taken, rejected) = archive.repaired(sent.as_bytes()).unwrap();
    assert_eq!(taken, Kept::new());
    let refused: Vec<_> = rejected
        .iter()
        .filter(|row| row.is_of_repair)
        .map(|row| (row.line, row.errors[0].rule, row.errors[0].expected.as_str()))
        .collect();
    let of = |member: &str| {
        format!("the line of a rejected row of member `{member}`, as its repair file names it")
    };
    assert_eq!(
        refused,
        [
            (2, Rule::LineNotRejected, of("one.csv").as_str()),
            (3, Rule::LineNotRejected, &of("other/order.csv")),
            (4, Rule::LineNotRejected, &of("nosuch.csv")),
            (5, Rule::LineNotRejected, &of("")),
            (6, Rule::RepeatedLine, "one row for line 2 of member `one.csv`"),
            (7, Rule::RepeatedLine, "one row for line 2 of member `one.csv`"),
            (
                8,
                Rule::WrongCellCount,
                "the whole line 3 of member `other/order.csv` in the first cell, as its member has another header"
            ),
        ]
    );
    // Two lines in one are a row that is badly quoted, and what is behind the first is none of its own.
    let own: Vec<_> = rejected.iter().filter(|row| !row.is_of_repair).collect();
    assert_eq!((rejected.len(), own.len()), (14, 7));
    assert_eq!((own[5].line, own[5].errors[0].rule), (5, Rule::BadQuoting));
    assert_eq!(own[5].member.as_deref(), Some("other/order.csv"));
}

#[test]
fn the_member_is_to_be_said_where_there_are_several() {
    let fields = fields();
    let sent = "day,school,gender,grade,name,millrace_line\n2023-01-08,1000,Male,7,Asha,2\n";
    let several = Archive::checked(FileFormat::plain(&fields), &TEXTS);
    let error = several.repaired(sent.as_bytes()).unwrap_err();
    assert_eq!(
        (error.rule, error.column.as_deref()),
        (Rule::MissingHeader, Some(MEMBER_COLUMN))
    );
    assert!(
        error.message.contains("several members, whose lines begin anew"),
        "{}",
        error.message
    );
    let one = Archive::checked(FileFormat::plain(&fields), &TEXTS[1..2]);
    let mended = kept(&[("one.csv", 2, "2023-01-08|1000|Male|7|Asha")]);
    assert_eq!(one.repaired(sent.as_bytes()).unwrap().0, mended);
    // As in its repair file it may be said, and is then to be right.
    let said = sent.replace(",millrace_line", ",millrace_member,millrace_line");
    let right = said.replace("Asha,2", "Asha,one.csv,2");
    assert_eq!(one.repaired(right.as_bytes()).unwrap().0, mended);
    let wrong = said.replace("Asha,2", "Asha,two.csv,2");
    let (taken, rejected) = one.repaired(wrong.as_bytes()).unwrap();
    assert_eq!(
        (taken.len(), rejected[2].errors[0].rule),
        (0, Rule::LineNotRejected)
    );
}

#[test]
fn names_go_there_and_back_where_nothing_can_be_quoted() {
    let fields = fields();
    let csv = CsvFormat {
        quote: Some(Quote::None),
        ..CsvFormat::default()
    };
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    let text = "day,school,gender,grade,name\n2023-01-08,1,Male,4,Asha\n";
    // Names that would be one if what needs quotes were only left out.
    let names = ["a,b\n.csv", "a b .csv", "a\\u{2c}b\\u{a}.csv", "\"a,b\n.csv\""];
    let texts = names.map(|name| (name, text));
    let archive = Archive::checked(format, &texts);
    let bytes = archive.repair_file();
    let sent = String::from_utf8(bytes).unwrap();
    assert!(sent.contains(",a\\u{2c}b\\u{a}.csv,2,"), "{sent}");
    let mut lines: Vec<String> = sent.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 5);
    for (at, line) in lines.iter_mut().enumerate().skip(1) {
        *line = line.replacen(",1,", &format!(",{at}000,"), 1);
    }
    let (taken, rejected) = archive.repaired(lines.join("\n").as_bytes()).unwrap();
    assert_eq!(rejected, []);
    for (at, name) in names.iter().enumerate() {
        let row = &taken[&((*name).to_owned(), 2)];
        assert_eq!(*row, format!("2023-01-08|{}000|Male|4|Asha", at + 1));
    }
}

proptest! {
    /// Whatever the members hold and are called: their repair file, sent back as it is, changes nothing.
    #[test]
    fn a_repair_file_of_members_that_comes_back_as_it_went_changes_nothing(
        bodies in proptest::collection::vec(
            (0..5_usize, "[a,'\"\\n;\\\\ ]{1,6}", proptest::collection::vec("[a,'\"\\n\\r;0-9 -]{0,12}", 0..6)),
            1..5,
        ),
        quote in 0..3_usize,
    ) {
        const HEADERS: [&str; 5] = [
            "day,school,gender,grade,name",
            "day,school,gender,grade,name",
            "grade,school,day",
            "day;school;gender;grade;name",
            "name,day,school,grade,gender",
        ];
        let fields = fields();
        let csv = CsvFormat {
            quote: Some([Quote::Double, Quote::Single, Quote::None][quote]),
            ..CsvFormat::default()
        };
        let format = FileFormat { fields: &fields, csv: &csv };
        let texts: BTreeMap<String, String> = bodies
            .into_iter()
            .map(|(header, name, body)| (name, format!("{}\n{}", HEADERS[header], body.join("\n"))))
            .collect();
        let texts: Vec<(&str, &str)> =
            texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let archive = Archive::checked(format, &texts);
        if archive.rejected.is_empty() {
            return Ok(());
        }
        let (kept, rejected) = archive.repaired(&archive.repair_file()).unwrap();
        prop_assert_eq!(kept, Kept::new());
        // Cells may be quoted in another way; what they say, and what is wrong with it, is the same.
        let told = |row: RejectedRow| (row.member, row.record, row.line, row.errors);
        let all = |rows: Vec<RejectedRow>| rows.into_iter().map(told).collect::<Vec<_>>();
        prop_assert_eq!(all(rejected), all(archive.rejected));
    }
}
