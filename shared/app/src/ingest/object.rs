//! An object on its way through a check.

use millrace_core::csv::Encoding;
use millrace_core::failure::Failure;
use millrace_core::row_error::{FileError, Rule};
use millrace_table::{Decoder, Extent, FileFormat, Header, HeaderErrors, HeaderRead, Limits};
use sha2::{Digest as _, Sha256};

use crate::ports::{ObjectStore, ObjectStream};

/// An object that is read from its beginning, hashed as it came and decoded on the way.
pub(super) struct Object {
    stream: Box<dyn ObjectStream>,
    hash: Sha256,
    pub(super) size_bytes: u64,
    decoder: Option<Decoder>,
    /// What was read for the header, decoded.
    beginning: Vec<u8>,
    header_is_passed: bool,
    is_over: bool,
}

impl Object {
    pub(super) async fn open(landing: &dyn ObjectStore, key: &str) -> Result<Self, Failure> {
        let stream = landing.open(key, 0, None).await?;
        Ok(Self {
            stream,
            hash: Sha256::new(),
            size_bytes: 0,
            decoder: None,
            beginning: Vec::new(),
            header_is_passed: false,
            is_over: false,
        })
    }

    /// Whether offsets in what is read are those of the object.
    pub(super) fn is_plain(&self) -> bool {
        self.decoder.as_ref().is_none_or(Decoder::is_plain)
    }

    pub(super) async fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let bytes = self.stream.next().await?;
        if let Some(bytes) = &bytes {
            self.hash.update(bytes);
            self.size_bytes += bytes.len() as u64;
        }
        Ok(bytes)
    }

    /// The next bytes, decoded.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
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
    async fn begin_decoding(&mut self, declared: Encoding) -> Result<(), Failure> {
        let mut beginning = Vec::new();
        while beginning.len() < Decoder::MARK_BYTES {
            match self.next_bytes().await? {
                Some(bytes) => beginning.extend(bytes),
                None => break,
            }
        }
        let mut decoder = Decoder::begin(&beginning, declared);
        self.beginning = decoder.decode(beginning);
        self.decoder = Some(decoder);
        Ok(())
    }

    pub(super) async fn read_header(
        &mut self,
        format: FileFormat<'_>,
    ) -> Result<Result<Header, HeaderErrors>, Failure> {
        let limits = Limits::default();
        self.begin_decoding(format.csv.encoding).await?;
        let mut extent = Extent::Prefix;
        loop {
            match Header::read(&self.beginning, extent, format, &limits) {
                Ok(HeaderRead::Done(header)) => return Ok(Ok(header)),
                Ok(HeaderRead::NeedMore) if extent == Extent::Prefix => {}
                Ok(HeaderRead::NeedMore) => {
                    return Ok(Err(
                        FileError::of_file(Rule::EmptyFile, "the file is empty").into()
                    ));
                }
                Err(errors) => return Ok(Err(errors)),
            }
            match self.next().await? {
                Some(more) => self.beginning.extend(more),
                None => extent = Extent::Whole,
            }
        }
    }

    /// The next bytes behind the header.
    pub(super) async fn next_record_bytes(&mut self, header: &Header) -> Result<Option<Vec<u8>>, Failure> {
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
