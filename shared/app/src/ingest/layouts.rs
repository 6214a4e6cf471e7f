//! How the rows of an object are laid out: by its header, or by that of the member of an archive that they stand in.

use millrace_core::failure::Failure;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::files::FileRecord;
use millrace_table::{FileFormat, Header, RejectedRow, RowLayout, RowsOf};

use super::object::Stopped;
use super::texts::Texts;
use crate::ports::ObjectReader;

/// A header, read against a version of the spec.
pub(crate) struct Layout {
    pub(crate) header: Header,
    pub(crate) rows: RowLayout,
}

/// The headers of an object, each read when a row asks for it. Memory: one of them.
pub(crate) struct Layouts<'a> {
    texts: Texts<'a>,
    format: FileFormat<'a>,
    /// The text whose header was read last: rows come in the order of the file.
    last: Option<(u32, Layout)>,
}

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
            texts: Texts::open(landing, object, size_bytes).await?,
            format,
            last: None,
        })
    }

    /// Whose rows they are.
    pub(crate) fn rows_of(&self) -> RowsOf {
        match (&self.texts, self.texts.count()) {
            (Texts::One { .. }, _) => RowsOf::File,
            (Texts::Members(_), 1) => RowsOf::OneMember,
            (Texts::Members(_), _) => RowsOf::Members,
        }
    }

    /// The layout of a repair file whose first row is this one.
    ///
    /// # Errors
    /// [`Stopped`] where the header does not fit.
    pub(crate) async fn first(&mut self, row: Option<&RejectedRow>) -> Result<&Layout, Stopped> {
        match row {
            Some(row) => self.of(row).await,
            None => self.at(0).await,
        }
    }

    /// The layout of a row where it stands.
    ///
    /// # Errors
    /// [`Stopped`] where the header does not fit.
    pub(crate) async fn of(&mut self, row: &RejectedRow) -> Result<&Layout, Stopped> {
        let number = self.texts.number_of(row.member.as_deref());
        let number = number.ok_or_else(|| {
            Failure::invalid(
                "ingest.layout",
                "the rejected row is of no text that the object has",
            )
        })?;
        self.at(number).await
    }

    async fn at(&mut self, number: u32) -> Result<&Layout, Stopped> {
        let last = match self.last.take().filter(|(last, _)| *last == number) {
            Some(last) => last,
            None => {
                let text = self.texts.beginning(number, self.format).await?;
                let rows = RowLayout::of(text.object.beginning(), &text.header, self.format.csv);
                let header = text.header;
                (number, Layout { header, rows })
            }
        };
        Ok(&self.last.insert(last).1)
    }
}
