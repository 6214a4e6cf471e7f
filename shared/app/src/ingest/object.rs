//! An object on its way through a check.

use millrace_core::access_point::AccessPoint;
use millrace_core::csv::Encoding;
use millrace_core::failure::Failure;
use millrace_core::object_key::ObjectAt;
use millrace_core::row_error::{FileError, Rule};
use millrace_table::{
    Decoder, Extent, FileFormat, Header, HeaderErrors, HeaderRead, Limits, Start, encoded_bytes, is_archive,
};

use super::archive::MemberStream;
use super::hash::PassedHash;
use crate::ports::{ObjectReader, ObjectStream};

/// Why the way of an object ends before its end.
pub(crate) enum Stopped {
    /// The object is to blame: the file is refused.
    Refused(FileError),
    /// Something could not be done.
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<FileError> for Stopped {
    fn from(error: FileError) -> Self {
        Self::Refused(error)
    }
}

impl From<HeaderErrors> for Stopped {
    fn from(errors: HeaderErrors) -> Self {
        Self::Refused(errors.into_file_error())
    }
}

/// Where the bytes come from.
enum Source {
    Object(Box<dyn ObjectStream>),
    Member(Box<MemberStream>),
}

/// An object, or a member of an archive, that is read from its beginning or from a record on, and decoded on the way.
pub(super) struct Object {
    source: Source,
    /// What has passed, where anybody wants to know.
    hash: Option<PassedHash>,
    /// Bytes that are still to be read, where it is not all.
    left: Option<u64>,
    decoder: Option<Decoder>,
    /// Bytes of the mark of byte order that are not in what is decoded.
    mark_bytes: u64,
    /// What was read for the header, decoded.
    beginning: Vec<u8>,
    header_is_passed: bool,
    /// Whether it goes on behind the bytes that can be read here.
    is_cut: bool,
    is_over: bool,
}

impl Object {
    /// Bytes of an object that are read for its header alone; of an archive for a member's, its local header among them.
    pub(super) const BEGINNING_BYTES: u64 = 64 * 1024;

    /// The beginning of an object of a size, for its header alone; one that is longer is refused.
    pub(super) async fn open_beginning(
        landing: &dyn ObjectReader,
        object: &ObjectAt,
        size_bytes: u64,
    ) -> Result<Self, Failure> {
        let cut = (size_bytes > Self::BEGINNING_BYTES).then_some(Self::BEGINNING_BYTES);
        let stream = landing.open_at(object, 0, cut).await?;
        Ok(Self {
            is_cut: cut.is_some(),
            ..Self::of(Source::Object(stream))
        })
    }

    /// An object from its beginning, hashed as it comes.
    pub(super) async fn open(landing: &dyn ObjectReader, object: &ObjectAt) -> Result<Self, Failure> {
        let stream = landing.open_at(object, 0, None).await?;
        Ok(Self {
            hash: Some(PassedHash::default()),
            ..Self::of(Source::Object(stream))
        })
    }

    /// An object from a record on, to an end or its own.
    pub(super) async fn open_at(
        landing: &dyn ObjectReader,
        object: &ObjectAt,
        range: (u64, Option<u64>),
        encoding: Encoding,
    ) -> Result<Self, Failure> {
        let stream = landing.open_at(object, range.0, range.1).await?;
        Ok(Self::of(Source::Object(stream)).within(encoding))
    }

    /// A member of an archive; what its hash would be is nobody's concern.
    pub(super) fn member(stream: MemberStream) -> Self {
        Self::of(Source::Member(Box::new(stream)))
    }

    /// A member of an archive, of which so many bytes have passed, from a record on, to an end or its own. What lies before
    /// is inflated and dropped.
    pub(super) async fn member_at(
        stream: MemberStream,
        mut passed: u64,
        (start, end): (u64, Option<u64>),
        encoding: Encoding,
    ) -> Result<Self, Stopped> {
        let mut object = Self::member(stream).within(encoding);
        object.left = end.map(|end| end.saturating_sub(passed));
        while passed < start {
            let Some(mut bytes) = object.next_bytes().await? else {
                break;
            };
            passed += bytes.len() as u64;
            if passed > start {
                let wanted = usize::try_from(passed - start).unwrap_or(bytes.len());
                object.beginning = bytes.split_off(bytes.len() - wanted);
            }
        }
        let beginning = std::mem::take(&mut object.beginning);
        object.beginning = object.decoded(beginning);
        Ok(object)
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            hash: None,
            left: None,
            decoder: None,
            mark_bytes: 0,
            beginning: Vec::new(),
            header_is_passed: false,
            is_cut: false,
            is_over: false,
        }
    }

    fn within(self, encoding: Encoding) -> Self {
        Self {
            decoder: Some(Decoder::within(encoding)),
            header_is_passed: true,
            ..self
        }
    }

    /// Goes on with a hash where another reader was, who had passed as many bytes as it says.
    pub(super) fn hash_on(&mut self, hash: PassedHash) {
        self.hash = Some(hash);
    }

    /// Whether the object is an archive. What is read for that is read again by whoever goes on.
    pub(super) async fn is_archive(&mut self) -> Result<bool, Stopped> {
        const MAGIC_BYTES: usize = 4;
        self.read_beginning(MAGIC_BYTES).await?;
        Ok(is_archive(&self.beginning))
    }

    /// Reads until so many bytes are there, or all.
    async fn read_beginning(&mut self, bytes: usize) -> Result<(), Stopped> {
        while self.beginning.len() < bytes {
            match self.next_bytes().await? {
                Some(more) => self.beginning.extend(more),
                None => break,
            }
        }
        Ok(())
    }

    /// Reads to the end, for the hash.
    pub(super) async fn read_over(&mut self) -> Result<(), Stopped> {
        while self.next_bytes().await?.is_some() {}
        Ok(())
    }

    /// The beginning of the decoded object, as far as its header needed it.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// What it is written in, once its header was read.
    pub(super) fn encoding(&self) -> Encoding {
        self.decoder.as_ref().map_or(Encoding::Utf8, Decoder::encoding)
    }

    /// Where the first record behind a header that was just read starts.
    pub(super) fn record_start(&self, header: &Header) -> Start {
        let used = &self.beginning[..self.used_by(header)];
        Start {
            offset: self.mark_bytes + encoded_bytes(self.encoding(), used),
            ..header.start()
        }
    }

    fn used_by(&self, header: &Header) -> usize {
        let used = usize::try_from(header.bytes_used).unwrap_or(usize::MAX);
        used.min(self.beginning.len())
    }

    /// The next bytes as they came.
    pub(super) async fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, Stopped> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let mut bytes = match &mut self.source {
            Source::Object(stream) => stream.next().await?,
            Source::Member(stream) => stream.next().await?,
        };
        if let (Some(left), Some(bytes)) = (&mut self.left, &mut bytes) {
            bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= bytes.len() as u64;
        }
        if let (Some(hash), Some(bytes)) = (&mut self.hash, &bytes) {
            hash.pass(bytes);
        }
        Ok(bytes)
    }

    fn decoded(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match &mut self.decoder {
            Some(decoder) => decoder.decode(bytes),
            None => bytes,
        }
    }

    /// The next bytes, decoded.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Stopped> {
        if self.is_over {
            return Ok(None);
        }
        let bytes = self.next_bytes().await?;
        self.is_over = bytes.is_none();
        Ok(match bytes {
            Some(bytes) => Some(self.decoded(bytes)),
            None => {
                let rest = self.decoder.as_mut().map(Decoder::finish);
                rest.filter(|rest| !rest.is_empty())
            }
        })
    }

    /// Reads as much as tells the encoding, and the decoder for it.
    async fn begin_decoding(&mut self, declared: Encoding) -> Result<(), Stopped> {
        self.read_beginning(Decoder::MARK_BYTES).await?;
        let beginning = std::mem::take(&mut self.beginning);
        let mut decoder = Decoder::begin(&beginning, declared);
        // UTF-8 keeps its mark, which the header takes.
        self.mark_bytes = match Encoding::marked(&beginning) {
            Some((Encoding::Utf8, _)) | None => 0,
            Some((_, mark)) => mark as u64,
        };
        self.beginning = decoder.decode(beginning);
        self.decoder = Some(decoder);
        Ok(())
    }

    pub(super) async fn read_header(&mut self, format: FileFormat<'_>) -> Result<Header, Stopped> {
        let limits = Limits::default();
        self.begin_decoding(format.csv.encoding).await?;
        let mut extent = Extent::Prefix;
        loop {
            match Header::read(&self.beginning, extent, format, &limits)? {
                HeaderRead::Done(header) => return Ok(header),
                HeaderRead::NeedMore if extent == Extent::Prefix => {}
                HeaderRead::NeedMore => {
                    return Err(FileError::of_file(Rule::EmptyFile, "the file is empty").into());
                }
            }
            match self.next().await? {
                Some(more) => self.beginning.extend(more),
                None if self.is_cut => return Err(long_header().into()),
                None => extent = Extent::Whole,
            }
        }
    }

    /// The next bytes behind the header, or of the range.
    pub(super) async fn next_record_bytes(&mut self, header: &Header) -> Result<Option<Vec<u8>>, Stopped> {
        if !self.header_is_passed {
            self.header_is_passed = true;
            let used = self.used_by(header);
            return Ok(Some(std::mem::take(&mut self.beginning).split_off(used)));
        }
        if !self.beginning.is_empty() {
            return Ok(Some(std::mem::take(&mut self.beginning)));
        }
        self.next().await
    }

    /// What has passed.
    pub(super) fn into_hash(self) -> PassedHash {
        self.hash.unwrap_or_default()
    }

    /// Keeps the last access points that are passed from here on, where it is a member of an archive.
    pub(super) fn keep_points(&mut self) {
        if let Source::Member(stream) = &mut self.source {
            stream.keep_points();
        }
    }

    /// Where an archive can be inflated on, not behind an offset of its member; none where the object is none.
    pub(super) fn point_before(&self, offset: u64) -> Option<&AccessPoint> {
        match &self.source {
            Source::Object(_) => None,
            Source::Member(stream) => stream.point_before(offset),
        }
    }

    /// What has passed so far.
    pub(super) fn hash(&self) -> Option<&PassedHash> {
        self.hash.as_ref()
    }
}

fn long_header() -> FileError {
    FileError::of_file(
        Rule::NotCsv,
        "the header is longer than the beginning that was read",
    )
}
