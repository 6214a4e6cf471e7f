//! Times on the clocks of a declared zone.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::timestamp::{in_range, parts};
use super::two_digits;

/// A time zone of the IANA database, which is built in: the same on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// Why a cell is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is written as none.
    Wrong,
    /// The zone's clocks never showed that time: they were put forward over it.
    Skipped,
}

impl Zone {
    /// The zone of a name such as `Asia/Kolkata`, written as the database writes it.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        // What the library would read in any case, and from elsewhere, is no name of a spec.
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(name).ok()?;
        (zone.iana_name() == Some(name) && !zone.is_unknown()).then_some(Self(zone))
    }

    /// Reads as [`timestamp`](super::timestamp) does, but a time without an offset is one on the zone's clocks: of two
    /// instants at which they show it, when they are put back, the earlier one. An offset that is written counts.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn timestamp(&self, cell: &[u8]) -> Result<i64, Unread> {
        let (local, written) = parts(cell).ok_or(Unread::Wrong)?;
        let offset_micros = match written {
            Some(minutes) => i64::from(minutes) * 60_000_000,
            None => i64::from(self.offset_seconds(civil(cell).ok_or(Unread::Wrong)?)?) * 1_000_000,
        };
        in_range(local - offset_micros).ok_or(Unread::Wrong)
    }

    fn offset_seconds(&self, time: DateTime) -> Result<i32, Unread> {
        match self.0.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                Ok(offset.seconds())
            }
            AmbiguousOffset::Gap { .. } => Err(Unread::Skipped),
        }
    }
}

/// The date and time of a cell that [`parts`] has read, to the second: no zone changes within one.
fn civil(cell: &[u8]) -> Option<DateTime> {
    let two = |at: usize| i8::try_from(two_digits([*cell.get(at)?, *cell.get(at + 1)?])?).ok();
    let year = i16::from(two(0)?) * 100 + i16::from(two(2)?);
    DateTime::new(year, two(5)?, two(8)?, two(11)?, two(14)?, two(17)?, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::{Unread, Zone};
    use crate::value::timestamp;

    fn read(zone: &str, cell: &str) -> Result<i64, Unread> {
        Zone::find(zone).unwrap().timestamp(cell.as_bytes())
    }

    fn is(zone: &str, cell: &str, instant: &str) {
        assert_eq!(
            read(zone, cell),
            Ok(timestamp(instant.as_bytes()).unwrap()),
            "{cell}"
        );
    }

    #[test]
    fn a_time_without_an_offset_is_the_zones() {
        is("Asia/Kolkata", "2023-01-08T05:30:00", "2023-01-08T00:00:00Z");
        is("Asia/Kolkata", "2023-01-08 05:30:00.5", "2023-01-08T00:00:00.5Z");
        is("Asia/Kathmandu", "2023-01-08T00:00:00", "2023-01-07T18:15:00Z");
        is("Europe/Berlin", "2023-01-08T12:00:00", "2023-01-08T11:00:00Z");
        is("Europe/Berlin", "2023-07-08T12:00:00", "2023-07-08T10:00:00Z");
        is("Europe/Berlin", "2050-07-08T12:00:00", "2050-07-08T10:00:00Z");
        // Before the zone's first rule, by the sun: +00:53:28.
        is("Europe/Berlin", "1850-01-01T00:53:28", "1850-01-01T00:00:00Z");
        is("UTC", "2023-01-08T00:00:00", "2023-01-08T00:00:00Z");
    }

    #[test]
    fn an_offset_that_is_written_counts() {
        is("Asia/Kolkata", "2023-01-08T00:00:00Z", "2023-01-08T00:00:00Z");
        is(
            "Asia/Kolkata",
            "2023-01-08T02:00:00+02:00",
            "2023-01-08T00:00:00Z",
        );
        // Also where the zone's own clocks skip the time.
        is(
            "Europe/Berlin",
            "2023-03-26T02:30:00+01:00",
            "2023-03-26T01:30:00Z",
        );
    }

    #[test]
    fn a_skipped_time_is_none_and_of_a_repeated_one_the_earlier_counts() {
        for skipped in ["2023-03-26T02:00:00", "2023-03-26 02:59:59.999999"] {
            assert_eq!(read("Europe/Berlin", skipped), Err(Unread::Skipped), "{skipped}");
        }
        is("Europe/Berlin", "2023-03-26T01:59:59", "2023-03-26T00:59:59Z");
        is("Europe/Berlin", "2023-03-26T03:00:00", "2023-03-26T01:00:00Z");
        is("Europe/Berlin", "2023-10-29T02:30:00", "2023-10-29T00:30:00Z");
        is("Europe/Berlin", "2023-10-29T03:00:00", "2023-10-29T02:00:00Z");
        // A whole day that Samoa never had.
        assert_eq!(read("Pacific/Apia", "2011-12-30T12:00:00"), Err(Unread::Skipped));
    }

    #[test]
    fn what_is_no_instant_is_none_in_any_zone() {
        for cell in [
            "",
            "2023-01-08",
            "2023-13-08T00:00:00",
            "2023-01-08T24:00:00",
            "x",
            "\u{664}023-01-08T00:00:00",
        ] {
            assert_eq!(read("Asia/Kolkata", cell), Err(Unread::Wrong), "{cell}");
        }
        assert_eq!(
            read("Asia/Kolkata", "0001-01-01T00:00:00"),
            Err(Unread::Wrong),
            "the year 0"
        );
        assert_eq!(
            read("America/Lima", "9999-12-31T23:59:59"),
            Err(Unread::Wrong),
            "the year 10000"
        );
        is("Asia/Kolkata", "9999-12-31T23:59:59", "9999-12-31T18:29:59Z");
    }

    #[test]
    fn names_are_those_of_the_database() {
        for name in [
            "Asia/Kolkata",
            "Asia/Calcutta",
            "America/Argentina/Buenos_Aires",
            "UTC",
            "Etc/GMT+5",
        ] {
            assert!(Zone::find(name).is_some(), "{name}");
        }
        for name in [
            "",
            "asia/kolkata",
            "IST ",
            "Mars/Olympus",
            "Etc/Unknown",
            "+05:30",
            "EST5EDT,M3.2.0,M11.1.0",
            "../etc/passwd",
        ] {
            assert_eq!(Zone::find(name), None, "{name}");
        }
    }
}
