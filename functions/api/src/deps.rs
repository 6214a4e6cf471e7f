//! What the handlers work with: the store, the ports, and probes of both for health.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_app::authenticate::Authenticator;
use millrace_app::create::SpecPorts;
use millrace_app::documents::DocumentPorts;
use millrace_app::multipart::MultipartPorts;
use millrace_app::ports::{
    DownloadSigner, MessageSender, MultipartUploads, ObjectReader, ObjectStore, SettingStore, Surroundings,
    UploadSigner,
};
use millrace_app::repair::RepairFilePorts;
use millrace_app::sources::RunPorts;
use millrace_core::Failure;
use millrace_store::Store;

/// Asks a part of the service whether it answers.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Answers when the part does.
    async fn answers(&self) -> Result<(), Failure>;
}

/// A part of the service that health reports on.
pub struct Part {
    /// Its name, stable.
    pub name: &'static str,
    /// How it is asked.
    pub probe: Box<dyn Probe>,
}

/// Everything that handlers use; shared by all requests.
pub struct Deps {
    /// The database as the application's role.
    pub store: Store,
    /// The database as the owner, who alone creates the tables and views of specs.
    pub owner_store: Store,
    /// The landing bucket.
    pub landing: Arc<dyn ObjectStore>,
    /// The landing bucket, as files that lie there were written.
    pub landing_reader: Arc<dyn ObjectReader>,
    /// The collections bucket.
    pub collections: Arc<dyn ObjectStore>,
    /// The documents bucket.
    pub documents: Arc<dyn ObjectStore>,
    /// Signs addresses in the documents bucket.
    pub document_signer: Arc<dyn DownloadSigner>,
    /// The settings table.
    pub settings: Arc<dyn SettingStore>,
    /// Signs addresses in the landing bucket.
    pub signer: Arc<dyn UploadSigner>,
    /// The landing bucket's multipart uploads.
    pub multipart_uploads: Arc<dyn MultipartUploads>,
    /// The queues.
    pub sender: Arc<dyn MessageSender>,
    /// How late a reminder looks at an outbox that a crash may have left full.
    pub reminder_delay_seconds: u16,
    /// Checks callers.
    pub authenticator: Authenticator,
    /// Time and chance.
    pub surroundings: Arc<dyn Surroundings>,
    /// What health asks.
    pub parts: Vec<Part>,
}

impl Deps {
    pub(crate) fn spec_ports(&self) -> SpecPorts<'_> {
        SpecPorts {
            store: &self.store,
            owner_store: &self.owner_store,
            sender: self.sender.as_ref(),
            reminder_delay_seconds: self.reminder_delay_seconds,
        }
    }

    pub(crate) fn run_ports(&self) -> RunPorts<'_> {
        RunPorts {
            store: &self.store,
            sender: self.sender.as_ref(),
            reminder_delay_seconds: self.reminder_delay_seconds,
        }
    }

    pub(crate) fn repair_file_ports(&self) -> RepairFilePorts<'_> {
        RepairFilePorts {
            store: &self.store,
            landing: self.landing_reader.as_ref(),
            collections: self.collections.as_ref(),
            documents: self.documents.as_ref(),
            signer: self.document_signer.as_ref(),
        }
    }

    pub(crate) fn multipart_ports(&self) -> MultipartPorts<'_> {
        MultipartPorts {
            store: &self.store,
            uploads: self.multipart_uploads.as_ref(),
            landing: self.landing.as_ref(),
            sender: self.sender.as_ref(),
            reminder_delay_seconds: self.reminder_delay_seconds,
        }
    }

    pub(crate) fn document_ports(&self) -> DocumentPorts<'_> {
        DocumentPorts {
            store: &self.store,
            sender: self.sender.as_ref(),
            documents: self.documents.as_ref(),
            signer: self.document_signer.as_ref(),
            reminder_delay_seconds: self.reminder_delay_seconds,
        }
    }
}
