//! Asking a file version to be at a status. Nobody sets one: the facts say whether it is there, may still come there, or
//! cannot.

use crate::facts::{FileFacts, FileStatus, status};

/// A status that is asked for, in the seed's words, any case: `Processing` and `Completed` may name a dataset behind an
/// underscore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedStatus {
    /// One of the statuses.
    Whole(FileStatus),
    /// `Processing_<dataset>`.
    ProcessingInto(String),
    /// `Completed_<dataset>`.
    CompletedInto(String),
}

impl AskedStatus {
    /// Reads the word; none where it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let named = |word: &str| {
            let beginning = text.get(..word.len())?;
            let dataset = text.get(word.len()..)?.strip_prefix('_')?;
            (beginning.eq_ignore_ascii_case(word) && !dataset.is_empty()).then(|| dataset.to_owned())
        };
        let is_it = |status: &FileStatus| status.as_str().eq_ignore_ascii_case(text);
        FileStatus::ALL
            .into_iter()
            .find(is_it)
            .map(Self::Whole)
            .or_else(|| named("Processing").map(Self::ProcessingInto))
            .or_else(|| named("Completed").map(Self::CompletedInto))
    }
}

/// What the facts say to a status that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// The file version is there.
    Reached,
    /// It may still come there, by what it still needs.
    Open,
    /// It will not come there, and why.
    Forbidden(String),
    /// It feeds no such dataset.
    UnknownDataset(String),
}

/// Asks for a status.
#[must_use]
pub fn ask(facts: &FileFacts, asked: &AskedStatus) -> Transition {
    let now = status(facts);
    match (facts.error.as_ref(), asked) {
        (Some(_), AskedStatus::Whole(FileStatus::Error)) => return Transition::Reached,
        // Whoever asks on has its bytes looked for once more.
        (Some(_), _) if facts.is_given_up() => return Transition::Open,
        (Some(error), _) => return Transition::Forbidden(format!("the file was refused: {}", error.message)),
        (None, AskedStatus::Whole(FileStatus::Error)) => {
            return Transition::Forbidden("nothing is wrong with the file".to_owned());
        }
        (None, _) => {}
    }
    match asked {
        AskedStatus::Whole(FileStatus::Archived) if now != FileStatus::Archived => {
            Transition::Forbidden(match &facts.move_error {
                Some(error) => error.message.clone(),
                None => "the file's object has not been moved to the archive".to_owned(),
            })
        }
        // Completed is a stretch of the road: whoever has all of it has some of it.
        AskedStatus::Whole(FileStatus::Completed) if now > FileStatus::Completed => Transition::Reached,
        AskedStatus::Whole(FileStatus::Processing) if now == FileStatus::Completed => Transition::Reached,
        AskedStatus::Whole(wanted) => match now.cmp(wanted) {
            std::cmp::Ordering::Less => Transition::Open,
            std::cmp::Ordering::Equal => Transition::Reached,
            std::cmp::Ordering::Greater => passed(now),
        },
        AskedStatus::ProcessingInto(dataset) => match applied(facts, dataset) {
            Ok(None) => Transition::Open,
            Ok(Some(false)) => Transition::Reached,
            Ok(Some(true)) => passed(now),
            Err(unknown) => unknown,
        },
        AskedStatus::CompletedInto(dataset) => match applied(facts, dataset) {
            Ok(None | Some(false)) => Transition::Open,
            Ok(Some(true)) => Transition::Reached,
            Err(unknown) => unknown,
        },
    }
}

fn passed(now: FileStatus) -> Transition {
    Transition::Forbidden(format!(
        "the file is at {} already, and does not go back",
        now.as_str()
    ))
}

/// Whether a dataset has the file; none while nobody knows what it feeds. Bytes that change nothing are everywhere.
fn applied(facts: &FileFacts, name: &str) -> Result<Option<bool>, Transition> {
    if facts.unchanged {
        return Ok(Some(true));
    }
    if !facts.validated {
        return Ok(None);
    }
    let mut fed = facts.datasets.iter();
    let fed = fed.find(|fed| fed.dataset.as_str().eq_ignore_ascii_case(name));
    fed.map(|fed| Some(fed.applied))
        .ok_or_else(|| Transition::UnknownDataset(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{AskedStatus, Transition, ask};
    use crate::facts::{DatasetFacts, FileFacts, FileStatus, status};
    use crate::name::Name;
    use crate::row_error::{FileError, Rule};

    /// What becomes of each word: `=` reached, `>` open, `!` forbidden, `?` unknown dataset.
    fn answers(facts: &FileFacts) -> String {
        let words = [
            "Upload_in_progress",
            "Uploaded",
            "Processing",
            "Processing_a",
            "Completed_a",
            "COMPLETED_B",
            "completed",
            "Ready_to_archive",
            "Archived",
            "Error",
            "Completed_c",
        ];
        let answer = |word: &str| match ask(facts, &AskedStatus::parse(word).unwrap()) {
            Transition::Reached => '=',
            Transition::Open => '>',
            Transition::Forbidden(_) => '!',
            Transition::UnknownDataset(_) => '?',
        };
        words.into_iter().map(answer).collect()
    }

    #[test]
    fn the_facts_answer_at_every_place_of_the_road() {
        let dataset = |name, applied| DatasetFacts {
            dataset: Name::parse(name).unwrap(),
            applied,
            held: false,
            refused: false,
        };
        let mut facts = FileFacts::default();
        assert_eq!(answers(&facts), "=>>>>>>>!!>", "in progress");
        facts.received = true;
        assert_eq!(answers(&facts), "!=>>>>>>!!>", "uploaded");
        facts.validated = true;
        facts.datasets = vec![dataset("a", false), dataset("b", false)];
        assert_eq!(answers(&facts), "!!==>>>>!!?", "processing");
        facts.datasets[0].applied = true;
        assert_eq!(answers(&facts), "!!=!=>=>!!?", "one has it");
        facts.datasets[1].applied = true;
        assert_eq!(answers(&facts), "!!!!====!!?", "all have it");
        facts.archived = true;
        assert_eq!(answers(&facts), "!!!!===!=!?", "archived");
    }

    #[test]
    fn a_refused_file_stays_refused_and_says_why() {
        let facts = FileFacts {
            received: true,
            error: Some(FileError::of_file(Rule::EmptyFile, "no rows")),
            ..FileFacts::default()
        };
        assert_eq!(answers(&facts), "!!!!!!!!!=!");
        let reason = Transition::Forbidden("the file was refused: no rows".to_owned());
        assert_eq!(ask(&facts, &AskedStatus::Whole(FileStatus::Uploaded)), reason);
    }

    #[test]
    fn a_file_that_could_not_be_archived_says_why() {
        let facts = FileFacts {
            received: true,
            validated: true,
            move_error: Some(FileError::of_file(Rule::ObjectGone, "it is gone")),
            ..FileFacts::default()
        };
        assert_eq!(status(&facts), FileStatus::ReadyToArchive);
        let reason = Transition::Forbidden("it is gone".to_owned());
        assert_eq!(ask(&facts, &AskedStatus::Whole(FileStatus::Archived)), reason);
    }

    #[test]
    fn bytes_that_never_came_may_come_and_those_that_change_nothing_are_there() {
        let given_up = FileFacts {
            error: Some(FileError::of_file(Rule::NeverReceived, "nothing came")),
            ..FileFacts::default()
        };
        assert_eq!(answers(&given_up), ">>>>>>>>>=>");
        let unchanged = FileFacts {
            received: true,
            validated: true,
            unchanged: true,
            ..FileFacts::default()
        };
        assert_eq!(answers(&unchanged), "!!!!====!!=");
    }

    #[test]
    fn words_that_are_none_are_not_read() {
        for word in [
            "",
            "Done",
            "Completed_",
            "Completedx",
            "Processing ",
            "Error -> x",
            "Uploaded_a",
            "Complet\u{e9}_",
        ] {
            assert_eq!(AskedStatus::parse(word), None, "{word}");
        }
        let named = AskedStatus::parse("processing_SAC_by_school");
        assert_eq!(
            named,
            Some(AskedStatus::ProcessingInto("SAC_by_school".to_owned()))
        );
    }
}
