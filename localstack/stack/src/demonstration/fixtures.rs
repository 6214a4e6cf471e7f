//! Small files of school attendance, made here: the same every time.

use std::fmt::Write as _;

const SCHOOLS: u32 = 12;
const GRADES: u32 = 8;
/// Two school weeks of January 2024.
const DAYS: [&str; 10] = [
    "2024-01-08",
    "2024-01-09",
    "2024-01-10",
    "2024-01-11",
    "2024-01-12",
    "2024-01-15",
    "2024-01-16",
    "2024-01-17",
    "2024-01-18",
    "2024-01-19",
];
/// Bad on purpose: a word for a number, a day that does not exist, a grade that does not exist, an empty school, a row
/// that is too short, a school number that is too short.
const BAD_ROWS: [&str; 6] = [
    "2024-01-08,3,1000000001,many,30",
    "2024-02-30,4,1000000002,20,25",
    "2024-01-09,13,1000000003,20,25",
    "2024-01-09,5,,20,25",
    "2024-01-10,6,1000000004",
    "2024-01-10,6,42,20,25",
];

/// A file of attendance, and what its good rows add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attendance {
    pub(super) content: String,
    pub(super) marked: u64,
    pub(super) total: u64,
}

/// Each school's place: its cluster lies in one block, the block in one district, the district in one state.
pub(super) fn schools() -> String {
    let mut text = "school_id,cluster_id,block_id,district_id,state_id\n".to_owned();
    for school in 1..=SCHOOLS {
        let cluster = (school - 1) / 2;
        let block = cluster / 2;
        let district = block / 2;
        let _ = writeln!(
            text,
            "{},{},{},{},9",
            school_id(school),
            100_000_001 + cluster,
            10_001 + block,
            101 + district
        );
    }
    text
}

/// Every grade of every school on every day, with the bad rows in between.
pub(super) fn attendance() -> Attendance {
    let mut made = Attendance {
        content: "date,grade,school_id,students_attendance_marked,total_students\n".to_owned(),
        marked: 0,
        total: 0,
    };
    let mut random = Random(20_240_108);
    let mut bad = BAD_ROWS.iter();
    for day in DAYS {
        for school in 1..=SCHOOLS {
            for grade in 1..=GRADES {
                let total = 18 + random.below(15);
                let marked = total - random.below(total / 3);
                made.total += total;
                made.marked += marked;
                let school = school_id(school);
                let _ = writeln!(made.content, "{day},{grade},{school},{marked},{total}");
            }
        }
        if let Some(row) = bad.next() {
            let _ = writeln!(made.content, "{row}");
        }
    }
    made
}

fn school_id(school: u32) -> u64 {
    1_000_000_000 + u64::from(school)
}

/// A linear congruential generator (Knuth's MMIX constants): no seed from outside, so the files never change.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}
