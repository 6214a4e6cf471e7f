//! The templates by which cQube generates its transformers.

/// What feeds a dataset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    /// An event.
    Event,
    /// Another dataset.
    Dataset,
    /// The numerator is an event's, the denominator a dataset's.
    Both,
}

/// What a template does.
#[derive(Clone, Copy)]
pub(super) struct Template {
    pub(super) feed: Feed,
    /// Whether it makes a percentage.
    pub(super) is_ratio: bool,
    /// Whether it has a filter.
    pub(super) is_filtered: bool,
}

impl Template {
    /// Of a template that adds (`…Increment`) or overwrites (`…Replace`): files are added and replaced exactly here, so both are one.
    pub(super) fn read(word: &str) -> Option<Self> {
        let base = word
            .strip_suffix("Increment")
            .or_else(|| word.strip_suffix("Replace"));
        let (feed, is_ratio, is_filtered) = match base.unwrap_or(word) {
            "EventToCube" => (Feed::Event, false, false),
            "EventToCubePer" => (Feed::Event, true, false),
            "EventToCubePerFilter" => (Feed::Event, true, true),
            "CubeToCube" => (Feed::Dataset, false, false),
            "CubeToCubePer" => (Feed::Dataset, true, false),
            "CubeToCubePerFilter" => (Feed::Dataset, true, true),
            "E&CToCubePer" => (Feed::Both, true, false),
            _ => return None,
        };
        Some(Self {
            feed,
            is_ratio,
            is_filtered,
        })
    }
}
