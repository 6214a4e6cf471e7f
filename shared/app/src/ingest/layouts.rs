//! How the rows of an object are laid out: by its header, or by that of the member of an archive that they stand in.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::Store;
use millrace_store::files::FileRecord;
use millrace_table::{FileFormat, Header, RejectedRow, RowLayout, RowsOf};

use super::object::Stopped;
use super::texts::{Text, Texts};
use crate::ports::{ObjectReader, ObjectStore};
use crate::row_errors::RejectedRows;

/// A header, read against a version of the spec.
pub(crate) struct Layout {
    pub(crate) header: Header,
    pub(crate) rows: RowLayout,
}

/// The headers of an object, each read when a row asks for it, or those of many rows at once. Memory: one of them, or those.
pub(crate) struct Layouts<'a> {
    texts: Texts<'a>,
    /// The version that the rows came with.
    root: FileVersion,
    format: FileFormat<'a>,
    /// The texts whose headers were read last: rows come in the order of the file.
    known: BTreeMap<u32, Layout>,
    /// The member that was looked up last.
    last: Option<(Option<String>, u32)>,
}

/// Headers that are read at once.
const AT_ONCE: usize = 16;

impl<'a> Layouts<'a> {
    /// Opens the object that the rows of a version came in.
    ///
    /// # Errors
    /// [`Stopped`] where the object is gone, or is an archive that cannot be read.
    pub(crate) async fn open(
        landing: &'a dyn ObjectReader,
        root: &FileRecord,
        format: FileFormat<'a>,
    ) -> Result<Self, Stopped> {
        let object = root.object();
        let Some(size_bytes) = landing.size_at(&object).await? else {
            let message = "the object that the rows came in is not there any more, and with it their header";
            return Err(FileError::of_file(Rule::ObjectGone, message).into());
        };
        Ok(Self {
            texts: Texts::open_for_parts(landing, object, size_bytes).await?,
            root: root.file,
            format,
            known: BTreeMap::new(),
            last: None,
        })
    }

    /// Whose rows they are.
    pub(crate) fn rows_of(&self) -> RowsOf {
        match (&self.texts, self.texts.count()) {
            (Texts::One(_), _) => RowsOf::File,
            (Texts::Members(_), 1) => RowsOf::OneMember,
            (Texts::Members(_), _) => RowsOf::Members,
        }
    }

    /// The layout of repair files: that of the first row that was rejected when the rows came. It is the same for all
    /// versions since, so that a file that was got before is still understood.
    ///
    /// # Errors
    /// [`Stopped`] where the header does not fit.
    pub(crate) async fn of_file(
        &mut self,
        store: &Store,
        collections: &dyn ObjectStore,
    ) -> Result<&Layout, Stopped> {
        let first = match self.rows_of() {
            RowsOf::Members => {
                RejectedRows::of(store, collections, self.root)
                    .await?
                    .first()
                    .await?
            }
            RowsOf::File | RowsOf::OneMember => None,
        };
        match first {
            Some(row) => self.of(&row).await,
            None => self.at(0).await,
        }
    }

    /// The layout of a row where it stands.
    ///
    /// # Errors
    /// [`Stopped`] where the header does not fit.
    pub(crate) async fn of(&mut self, row: &RejectedRow) -> Result<&Layout, Stopped> {
        let number = self.number_of(row)?;
        self.at(number).await
    }

    /// Reads the headers of all these rows, of an archive several at once.
    ///
    /// # Errors
    /// [`Stopped`] where one does not fit.
    pub(crate) async fn prepare(&mut self, rows: &[RejectedRow]) -> Result<(), Stopped> {
        let numbers: Result<BTreeSet<u32>, Failure> = rows.iter().map(|row| self.number_of(row)).collect();
        let numbers = numbers?;
        self.known.retain(|number, _| numbers.contains(number));
        let missing = numbers
            .into_iter()
            .filter(|number| !self.known.contains_key(number));
        let Texts::Members(archive) = &self.texts else {
            return Ok(());
        };
        let format = self.format;
        let read = missing.map(async |number| {
            let text = archive.read_header(number, format).await?;
            Ok::<_, Stopped>((number, layout_of(text, format)))
        });
        let mut read = stream::iter(read.collect::<Vec<_>>()).buffered(AT_ONCE);
        while let Some(layout) = read.next().await {
            let (number, layout) = layout?;
            self.known.insert(number, layout);
        }
        Ok(())
    }

    fn number_of(&mut self, row: &RejectedRow) -> Result<u32, Failure> {
        if let Some((member, number)) = &self.last
            && *member == row.member
        {
            return Ok(*number);
        }
        let number = self.texts.number_of(row.member.as_deref()).ok_or_else(|| {
            let (member, line) = (row.member.as_deref().unwrap_or("none"), row.line);
            let why =
                format!("line {line} of member `{member}` was rejected, which the object does not have");
            Failure::invalid("ingest.layout", why)
        })?;
        self.last = Some((row.member.clone(), number));
        Ok(number)
    }

    async fn at(&mut self, number: u32) -> Result<&Layout, Stopped> {
        let layout = match self.known.remove(&number) {
            Some(layout) => layout,
            None => {
                self.known.clear();
                layout_of(self.texts.beginning(number, self.format).await?, self.format)
            }
        };
        Ok(self.known.entry(number).or_insert(layout))
    }
}

fn layout_of(text: Text, format: FileFormat<'_>) -> Layout {
    Layout {
        rows: RowLayout::of(text.object.beginning(), &text.header, format.csv),
        header: text.header,
    }
}
