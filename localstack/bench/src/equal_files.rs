//! A hundred equal files along the whole road, then another version of one of them.

use std::time::{Duration, Instant};

use anyhow::ensure;
use millrace_core::facts::Mode;

use crate::attendance::BY_GRADE;
use crate::cells::{Cells, EVENT};
use crate::generator::{Manifest, Quality, generate};

const FILES: u64 = 100;
/// The one that is replaced.
const REPLACED: usize = 37;

/// The files, and what takes one's place: its own rows, some of them spoilt.
pub struct EqualFiles {
    files: Vec<(Vec<u8>, Manifest)>,
    other: (Vec<u8>, Manifest),
}

impl EqualFiles {
    /// Files of so many records in all.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn make(records: u64) -> anyhow::Result<Self> {
        let each = records / FILES;
        let file = |number: u64, quality| -> anyhow::Result<(Vec<u8>, Manifest)> {
            let mut bytes = Vec::new();
            let manifest = generate(number * each..(number + 1) * each, quality, &mut bytes)?;
            Ok((bytes, manifest))
        };
        Ok(Self {
            files: (0..FILES)
                .map(|number| file(number, Quality::Clean))
                .collect::<Result<_, _>>()?,
            other: file(REPLACED as u64, Quality::TwentyPercentSpoilt)?,
        })
    }

    /// The time for all of them, file after file with every message that they cause; then for the one that is replaced.
    ///
    /// # Errors
    /// When a sum is wrong.
    pub async fn replace_one(&self) -> anyhow::Result<(Duration, Duration)> {
        let cells = Cells::new(&[BY_GRADE]).await?;
        let road = &cells.road;
        let contents: Vec<Vec<u8>> = self.files.iter().map(|(bytes, _)| bytes.clone()).collect();
        let begin = Instant::now();
        for (number, bytes) in contents.into_iter().enumerate() {
            road.send(EVENT, &format!("file-{number}.csv"), Mode::New, bytes)
                .await;
            road.settle().await;
        }
        let built = begin.elapsed();
        let mut manifests: Vec<&Manifest> = self.files.iter().map(|(_, manifest)| manifest).collect();
        cells.check_sums(BY_GRADE, &manifests).await?;

        let (bytes, manifest) = &self.other;
        let bytes = bytes.clone();
        let begin = Instant::now();
        let name = format!("file-{REPLACED}.csv");
        let file = road.send(EVENT, &name, Mode::Replace, bytes).await;
        road.settle().await;
        let replaced = begin.elapsed();
        ensure!(file.version == 2, "{file} took no other file's place");
        manifests[REPLACED] = manifest;
        cells.check_sums(BY_GRADE, &manifests).await?;
        Ok((built, replaced))
    }
}
