//! Rejected rows that are tried again.

use millrace_app::repair::{
    RepairCsv, RepairFileError, RepairFilePorts, RepairRequest, begin_repair, write_repair_file,
};
use millrace_core::facts::Mode;
use millrace_core::ids::{FileId, FileVersion};
use millrace_store::repairs::BeginRepair;

use super::Road;

impl Road {
    /// Registers a repair or a replay.
    pub async fn begin_repair(&self, file_id: FileId, mode: Mode) -> BeginRepair {
        let request = RepairRequest {
            file_id,
            mode,
            base: None,
            client_id: "tests",
            idempotency: None,
        };
        begin_repair(&self.store, self.sender(), request, 60)
            .await
            .unwrap()
    }

    /// Sends a repaired file.
    pub async fn repair(&self, file_id: FileId, bytes: impl Into<Vec<u8>>) -> FileVersion {
        match self.begin_repair(file_id, Mode::Repair).await {
            BeginRepair::Created(version) => {
                self.arrive(version.file, bytes);
                version.file
            }
            other => panic!("{file_id}: {other:?}"),
        }
    }

    /// Has the rejected rows of a file tried against the newest version of its spec.
    pub async fn replay(&self, file_id: FileId) -> FileVersion {
        match self.begin_repair(file_id, Mode::Replay).await {
            BeginRepair::Created(version) => version.file,
            other => panic!("{file_id}: {other:?}"),
        }
    }

    /// A version's repair file, and whether it was handed out itself.
    ///
    /// # Errors
    /// That there is none.
    pub async fn repair_file(&self, file: FileVersion) -> Result<(Vec<u8>, bool), RepairFileError> {
        let ports = RepairFilePorts {
            store: &self.store,
            landing: &self.moved_reader,
            collections: &self.collections,
            documents: &self.documents,
            signer: &self.documents,
        };
        let record = self.record(file).await;
        match write_repair_file(&ports, &record).await? {
            RepairCsv::Here(text) => Ok((text.into_bytes(), true)),
            RepairCsv::At(address) => {
                let key = millrace_core::object_key::repair_file(file);
                assert!(address.contains(&key), "{address}");
                Ok((self.documents.bytes(&key).unwrap(), false))
            }
        }
    }
}
