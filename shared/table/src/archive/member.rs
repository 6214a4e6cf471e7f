//! A member's bytes, as they are inflated.

use crc32fast::Hasher;
use millrace_core::access_point::AccessPoint;
use millrace_core::row_error::FileError;

use super::inflater::{Inflater, Step};
use super::points::AccessPoints;
use super::{Member, bad, in_member, number};

const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;

/// Reads a member from the bytes that begin at its [`offset`](Member::offset), in pieces of any size.
///
/// Memory: the window of deflate, one piece of output, and the last access points where they are kept. The checksum is compared when the last byte
/// is there: what came out before counts only if [`Self::read`] says in the end that it was all.
pub struct MemberReader {
    name: String,
    /// The local header as far as it is there; none once it has been passed.
    header: Option<Vec<u8>>,
    /// None where the member is stored as it is.
    inflater: Option<Inflater>,
    /// None where nobody wants them.
    points: Option<AccessPoints>,
    /// Offset in the archive of the next byte.
    offset: u64,
    compressed_left: u64,
    /// Inflated bytes that have come, and that are to come.
    inflated: u64,
    left: u64,
    hasher: Hasher,
    crc32: u64,
    is_done: bool,
}

/// What came of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inflated {
    /// How many of the piece's bytes were taken; what is left is to be given again.
    pub taken: usize,
    /// What came out.
    pub bytes: Vec<u8>,
}

impl MemberReader {
    /// The most bytes that come out at once.
    pub const PIECE_BYTES: usize = 64 << 10;

    /// A reader that stands before the member's local header.
    #[must_use]
    pub fn new(member: &Member) -> Self {
        Self {
            name: member.name.clone(),
            header: Some(Vec::with_capacity(LOCAL_BYTES)),
            inflater: member.is_deflated.then(Inflater::new),
            points: None,
            offset: member.offset,
            compressed_left: member.compressed_bytes,
            inflated: 0,
            left: member.bytes,
            hasher: Hasher::new(),
            crc32: member.crc32,
            is_done: false,
        }
    }

    /// A reader that stands at a point of the member, for the bytes from the point's offset on: what comes out, and what is
    /// refused, is as if it had read what lies before; none where the member has no such point.
    #[must_use]
    pub fn at(member: &Member, point: &AccessPoint) -> Option<Self> {
        let inflater = match member.is_deflated {
            true => Some(Inflater::at(point)?),
            false => None,
        };
        Some(Self {
            header: None,
            inflater,
            offset: point.offset,
            compressed_left: Some(point.compressed_left).filter(|left| *left <= member.compressed_bytes)?,
            inflated: point.inflated_bytes,
            left: member.bytes.checked_sub(point.inflated_bytes)?,
            hasher: Hasher::new_with_initial_len(point.crc32, point.inflated_bytes),
            ..Self::new(member)
        })
    }

    /// Keeps the access points that it passes from here on, the last ones.
    pub fn keep_points(&mut self) {
        self.points.get_or_insert_default();
    }

    /// The last point known from which the member can be inflated on to an inflated byte; of those passed not long ago.
    #[must_use]
    pub fn point_before(&self, offset: u64) -> Option<&AccessPoint> {
        self.points.as_ref()?.before(offset)
    }

    /// Whether the last byte came out, and all is as declared.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes some of the next bytes. With none taken and none out, more bytes are needed.
    ///
    /// # Errors
    /// [`FileError`] as soon as the bytes are not what the directory declares.
    pub fn read(&mut self, piece: &[u8]) -> Result<Inflated, FileError> {
        let in_header = self.pass_header(piece)?;
        let rest = &piece[in_header..];
        if self.header.is_some() || self.is_done {
            self.offset += in_header as u64;
            return Ok(Inflated {
                taken: in_header,
                bytes: Vec::new(),
            });
        }
        let most = usize::try_from(self.compressed_left).unwrap_or(usize::MAX);
        let input = &rest[..rest.len().min(most)];
        let wants_boundary = self.point_is_due();
        let Step {
            taken,
            bytes,
            has_ended,
        } = match &mut self.inflater {
            Some(inflater) => {
                let step = inflater.read(input, wants_boundary);
                step.ok_or_else(|| self.bad("is damaged"))?
            }
            None => {
                let taken = input.len().min(Self::PIECE_BYTES);
                Step {
                    taken,
                    bytes: input[..taken].to_vec(),
                    has_ended: taken == most,
                }
            }
        };
        self.compressed_left -= taken as u64;
        self.offset += (in_header + taken) as u64;
        self.count(&bytes)?;
        let is_stuck = self.compressed_left == 0 && taken == 0 && bytes.is_empty();
        if has_ended {
            self.finish()?;
        } else if is_stuck {
            return Err(self.bad("is damaged: its data have no end"));
        } else if self.point_is_due() {
            self.pass_point();
        }
        Ok(Inflated {
            taken: in_header + taken,
            bytes,
        })
    }

    fn point_is_due(&self) -> bool {
        let points = self.points.as_ref();
        points.is_some_and(|points| points.is_due(self.inflated))
    }

    /// Notes where it stands, unless it stands within a block.
    fn pass_point(&mut self) {
        let (bits, bit_buffer, window) = match &self.inflater {
            Some(inflater) => match inflater.boundary() {
                Some(boundary) => (
                    boundary.num_bits,
                    boundary.bit_buf,
                    inflater.window(self.inflated),
                ),
                None => return,
            },
            None => (0, 0, Vec::new()),
        };
        let point = AccessPoint {
            offset: self.offset,
            compressed_left: self.compressed_left,
            inflated_bytes: self.inflated,
            crc32: self.hasher.clone().finalize(),
            bits,
            bit_buffer,
            window,
        };
        if let Some(points) = &mut self.points {
            points.pass(point);
        }
    }

    /// The error for an archive whose bytes end within the member.
    #[must_use]
    pub fn cut_off(&self) -> FileError {
        self.bad("is cut off")
    }

    fn bad(&self, message: &str) -> FileError {
        in_member(&self.name, bad(message))
    }

    /// How many bytes of the piece belong to the local header.
    fn pass_header(&mut self, piece: &[u8]) -> Result<usize, FileError> {
        let Some(mut header) = self.header.take() else {
            return Ok(0);
        };
        let before = header.len();
        header.extend_from_slice(&piece[..piece.len().min(LOCAL_BYTES.saturating_sub(before))]);
        let mut taken = header.len().saturating_sub(before);
        if header.len() >= LOCAL_BYTES {
            if !header.starts_with(LOCAL) {
                return Err(self.bad("does not begin where the directory says"));
            }
            let length = |at| number::<2>(&header, at).and_then(|bytes| usize::try_from(bytes).ok());
            let end = LOCAL_BYTES + length(26).unwrap_or(0) + length(28).unwrap_or(0);
            let more = (end - header.len()).min(piece.len() - taken);
            header.extend_from_slice(&piece[taken..taken + more]);
            taken += more;
            if header.len() == end {
                return Ok(taken);
            }
        }
        self.header = Some(header);
        Ok(taken)
    }

    fn count(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| self.bad("is damaged: it holds more bytes than declared"))?;
        self.inflated += bytes.len() as u64;
        self.hasher.update(bytes);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), FileError> {
        if self.left > 0 || self.compressed_left > 0 {
            return Err(self.bad("is damaged: it holds fewer bytes than declared"));
        }
        let crc32 = std::mem::take(&mut self.hasher).finalize();
        if u64::from(crc32) != self.crc32 {
            return Err(self.bad("is damaged: its checksum is another one"));
        }
        self.is_done = true;
        Ok(())
    }
}

impl std::fmt::Debug for MemberReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("MemberReader");
        shown
            .field("name", &self.name)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
