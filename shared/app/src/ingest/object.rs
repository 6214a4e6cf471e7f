//! An object on its way through a check.

use millrace_core::csv::Encoding;
use millrace_core::failure::Failure;
use millrace_core::object_key::ObjectAt;
use millrace_core::row_error::{FileError, Rule};
use millrace_table::{Decoder, Extent, FileFormat, Header, HeaderErrors, HeaderRead, Limits, is_archive};
use sha2::{Digest as _, Sha256};

use super::archive::MemberStream;
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

/// An object, or a member of an archive, that is read from its beginning, hashed as it came and decoded on the way.
pub(super) struct Object {
    source: Source,
    hash: Sha256,
    pub(super) size_bytes: u64,
    decoder: Option<Decoder>,
    /// What was read for the header, decoded.
    beginning: Vec<u8>,
    header_is_passed: bool,
    is_over: bool,
}

impl Object {
    pub(super) async fn open(landing: &dyn ObjectReader, object: &ObjectAt) -> Result<Self, Failure> {
        let stream = landing.open_at(object, 0, None).await?;
        Ok(Self::of(Source::Object(stream)))
    }

    /// A member of an archive; what its hash would be is nobody's concern.
    pub(super) fn member(stream: MemberStream) -> Self {
        Self::of(Source::Member(Box::new(stream)))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            hash: Sha256::new(),
            size_bytes: 0,
            decoder: None,
            beginning: Vec::new(),
            header_is_passed: false,
            is_over: false,
        }
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

    /// Whether offsets in what is read are those of the object.
    pub(super) fn is_plain(&self) -> bool {
        self.decoder.as_ref().is_none_or(Decoder::is_plain)
    }

    pub(super) async fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, Stopped> {
        let stream = match &mut self.source {
            Source::Object(stream) => stream,
            Source::Member(stream) => return stream.next().await,
        };
        let bytes = stream.next().await?;
        if let Some(bytes) = &bytes {
            self.hash.update(bytes);
            self.size_bytes += bytes.len() as u64;
        }
        Ok(bytes)
    }

    /// The next bytes, decoded.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Stopped> {
        if self.is_over {
            return Ok(None);
        }
        let bytes = self.next_bytes().await?;
        self.is_over = bytes.is_none();
        Ok(match (bytes, &mut self.decoder) {
            (Some(bytes), Some(decoder)) => Some(decoder.decode(bytes)),
            (None, Some(decoder)) => Some(decoder.finish()).filter(|rest| !rest.is_empty()),
            (bytes, None) => bytes,
        })
    }

    /// Reads as much as tells the encoding, and the decoder for it.
    async fn begin_decoding(&mut self, declared: Encoding) -> Result<(), Stopped> {
        self.read_beginning(Decoder::MARK_BYTES).await?;
        let beginning = std::mem::take(&mut self.beginning);
        let mut decoder = Decoder::begin(&beginning, declared);
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
                None => extent = Extent::Whole,
            }
        }
    }

    /// The next bytes behind the header.
    pub(super) async fn next_record_bytes(&mut self, header: &Header) -> Result<Option<Vec<u8>>, Stopped> {
        if !self.header_is_passed {
            self.header_is_passed = true;
            let used = usize::try_from(header.bytes_used)
                .unwrap_or(usize::MAX)
                .min(self.beginning.len());
            return Ok(Some(std::mem::take(&mut self.beginning).split_off(used)));
        }
        self.next().await
    }

    pub(super) fn sha256(&mut self) -> String {
        let digest = std::mem::take(&mut self.hash).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
