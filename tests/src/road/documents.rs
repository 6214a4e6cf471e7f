//! Documents over the road's ports.

use millrace_app::documents::{DocumentOrder, DocumentPorts, order_document};
use millrace_app::ports::Surroundings as _;
use millrace_app::render_document::{Delivery, RenderPorts};
use millrace_core::failure::Failure;
use millrace_core::ids::DocumentId;
use millrace_store::documents::{CreateDocument, DocumentQuery, DocumentRecord};

use super::Road;

impl Road {
    /// What rendering works with.
    #[must_use]
    pub fn render_ports(&self) -> RenderPorts<'_> {
        RenderPorts {
            store: &self.store,
            documents: &self.faulty_documents,
            timer: &self.surroundings,
        }
    }

    /// A delivery to a worker that has two minutes.
    #[must_use]
    pub fn delivery(&self, is_last: bool) -> Delivery {
        Delivery {
            is_last,
            deadline_ms: self.surroundings.now_ms() + 120_000,
        }
    }

    /// What ordering and fetching documents work with.
    #[must_use]
    pub fn document_ports(&self) -> DocumentPorts<'_> {
        DocumentPorts {
            store: &self.store,
            sender: self.sender(),
            documents: &self.faulty_documents,
            signer: &self.documents,
            reminder_delay_seconds: 60,
        }
    }

    /// Orders a document.
    ///
    /// # Errors
    /// Of the database or the queues.
    pub async fn order(&self, title: &str, query: &DocumentQuery) -> Result<DocumentId, Failure> {
        let order = DocumentOrder {
            title,
            query,
            client_id: "tests",
            idempotency: None,
        };
        match order_document(&self.document_ports(), &self.surroundings, &order).await? {
            CreateDocument::Created { document_id } => Ok(document_id),
            other => panic!("{title}: {other:?}"),
        }
    }

    /// A document as it stands.
    pub async fn document(&self, document_id: DocumentId) -> DocumentRecord {
        self.store.load_document(document_id).await.unwrap().unwrap()
    }
}
