//! What the use cases need from outside. Each function's policy grants what its ports do, and no more.

use async_trait::async_trait;
use millrace_core::failure::Failure;
use millrace_core::message::Queue;
use millrace_core::object_key::ObjectAt;
use millrace_source::{Access, FetchProblem};

/// A bucket.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Size of an object in bytes; none when it is not there.
    async fn size(&self, key: &str) -> Result<Option<u64>, Failure>;

    /// Opens an object, from an offset to an end (exclusive) or to its own.
    async fn open(&self, key: &str, start: u64, end: Option<u64>) -> Result<Box<dyn ObjectStream>, Failure>;

    /// Starts an object; nothing is to be seen of it until it is finished.
    async fn create(&self, key: &str) -> Result<Box<dyn ObjectSink>, Failure>;
}

/// Reads a bucket's objects as one write left them: where an object is written again, the bytes are those of that write,
/// or none.
#[async_trait]
pub trait ObjectReader: Send + Sync {
    /// Size of an object in bytes; none when it is not there, or not as that write left it.
    async fn size_at(&self, object: &ObjectAt) -> Result<Option<u64>, Failure>;

    /// Opens an object, from an offset to an end (exclusive) or to its own.
    async fn open_at(
        &self,
        object: &ObjectAt,
        start: u64,
        end: Option<u64>,
    ) -> Result<Box<dyn ObjectStream>, Failure>;
}

/// What a bucket says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedObject {
    /// Its size.
    pub size_bytes: u64,
    /// Its version, in a bucket that keeps them.
    pub version: Option<String>,
    /// A checksum of its bytes as a whole, with its algorithm, where the bucket has one.
    pub checksum: Option<(&'static str, String)>,
}

impl DescribedObject {
    /// Whether the bytes are the same, as far as sizes say and checksums of the same algorithm.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let differs = match (&self.checksum, &other.checksum) {
            (Some((one, left)), Some((another, right))) => one == another && left != right,
            _ => false,
        };
        self.size_bytes == other.size_bytes && !differs
    }
}

/// Moves objects from the landing to the collections bucket.
#[async_trait]
pub trait ObjectMover: Send + Sync {
    /// An object of the landing bucket; none when it is not there, or not as that write left it.
    async fn describe(&self, object: &ObjectAt) -> Result<Option<DescribedObject>, Failure>;

    /// Copies such an object, of a known size, to a key of the collections bucket; again over itself without harm.
    async fn copy(&self, object: &ObjectAt, size_bytes: u64, key: &str) -> Result<(), Failure>;

    /// A copy in the collections bucket; none when it is not there.
    async fn describe_copy(&self, key: &str) -> Result<Option<DescribedObject>, Failure>;

    /// Takes an object away from the landing bucket; it may be gone already.
    async fn remove(&self, object: &ObjectAt) -> Result<(), Failure>;
}

/// The bytes of an object, a piece at a time.
#[async_trait]
pub trait ObjectStream: Send {
    /// The next piece; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure>;
}

/// An object that is being written, in bounded memory.
#[async_trait]
pub trait ObjectSink: Send {
    /// Adds bytes.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure>;

    /// Makes the object visible; the same key with the same bytes may be written again without harm.
    async fn finish(self: Box<Self>) -> Result<u64, Failure>;

    /// Gives the object up.
    async fn abort(self: Box<Self>);
}

/// Reads a whole object that is known to be small.
///
/// # Errors
/// [`Failure`] of the store.
pub async fn read_all(store: &dyn ObjectStore, key: &str) -> Result<Vec<u8>, Failure> {
    let mut stream = store.open(key, 0, None).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Writes a whole object at once.
///
/// # Errors
/// [`Failure`] of the store.
pub async fn write_all(store: &dyn ObjectStore, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
    let mut sink = store.create(key).await?;
    sink.write(bytes).await?;
    sink.finish().await.map(|_| ())
}

/// The queues.
#[async_trait]
pub trait MessageSender: Send + Sync {
    /// Sends a message, to be seen after a delay of at most 900 seconds.
    async fn send(&self, queue: Queue, body: String, delay_seconds: u16) -> Result<(), Failure>;

    /// Whether this function sends to a queue at all; what it does not send is left to whoever does.
    fn sends_to(&self, queue: Queue) -> bool {
        let _ = queue;
        true
    }
}

/// An address to which anybody may send one object for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedUpload {
    /// The address.
    pub url: String,
    /// Headers that have to be sent with it.
    pub headers: Vec<(String, String)>,
    /// When it ends, in seconds since 1970.
    pub expires_at: i64,
}

/// A part that a multipart upload has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its number, from 1.
    pub number: u32,
    /// Its size.
    pub size_bytes: u64,
    /// What the bucket calls its bytes.
    pub etag: String,
}

/// Multipart uploads of a bucket, whose parts others send.
#[async_trait]
pub trait MultipartUploads: Send + Sync {
    /// Begins one for a key; its id.
    async fn begin(&self, key: &str) -> Result<String, Failure>;

    /// An address for a part of just that size.
    async fn sign_part(
        &self,
        key: &str,
        upload_id: &str,
        part: (u32, u64),
        valid_seconds: u32,
    ) -> Result<PresignedUpload, Failure>;

    /// The parts that are there behind a number, so many at most; none when there is no such upload any more.
    async fn list(
        &self,
        key: &str,
        upload_id: &str,
        after: u32,
        limit: u32,
    ) -> Result<Option<Vec<UploadedPart>>, Failure>;

    /// Makes the object of its parts; false when there is no such upload any more.
    async fn complete(&self, key: &str, upload_id: &str, parts: &[UploadedPart]) -> Result<bool, Failure>;

    /// Gives the upload up, and what came of it; it may be gone already.
    async fn abort(&self, key: &str, upload_id: &str) -> Result<(), Failure>;
}

/// A schedule as EventBridge is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSchedule<'a> {
    /// Its name, unique in the deployment.
    pub name: &'a str,
    /// `cron(…)` or `rate(…)`.
    pub expression: &'a str,
    /// The time zone of the clock that a cron means.
    pub time_zone: &'a str,
    /// Whether it fires.
    pub is_enabled: bool,
    /// What is sent when it does.
    pub message: String,
}

/// EventBridge Scheduler.
#[async_trait]
pub trait Scheduler: Send + Sync {
    /// Makes a schedule, or makes the one of that name what is wanted.
    async fn put(&self, schedule: &WantedSchedule<'_>) -> Result<(), Failure>;

    /// Takes a schedule away; it may be gone already.
    async fn remove(&self, name: &str) -> Result<(), Failure>;
}

/// Makes addresses for uploads.
#[async_trait]
pub trait UploadSigner: Send + Sync {
    /// An address for a PUT of one new object.
    async fn sign_upload(&self, key: &str, valid_seconds: u32) -> Result<PresignedUpload, Failure>;
}

/// Makes addresses for downloads.
#[async_trait]
pub trait DownloadSigner: Send + Sync {
    /// An address at which an object can be read for a while, under a file name and as a media type.
    async fn sign_download(
        &self,
        key: &str,
        file_name: &str,
        media_type: &str,
        valid_seconds: u32,
    ) -> Result<String, Failure>;
}

/// The settings table: few texts, read often, changed by people, not in need of the database.
#[async_trait]
pub trait SettingStore: Send + Sync {
    /// A setting's text; none where it is not set.
    async fn load_setting(&self, setting_id: &str) -> Result<Option<String>, Failure>;

    /// Sets it, to be forgotten some time after an instant (in seconds since 1970) if one is given.
    async fn store_setting(
        &self,
        setting_id: &str,
        text: &str,
        expires_at: Option<i64>,
    ) -> Result<(), Failure>;

    /// Takes it away; it may be gone already.
    async fn delete_setting(&self, setting_id: &str) -> Result<(), Failure>;
}

/// A client that may call, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRecord {
    /// Lowercase hexadecimal SHA-256 of the whole token.
    pub token_sha256: String,
    /// Scopes, as texts; unknown ones grant nothing.
    pub scopes: Vec<String>,
    /// When the token ends, in seconds since 1970.
    pub expires_at: i64,
}

/// The clients table.
#[async_trait]
pub trait ClientStore: Send + Sync {
    /// A client by its public id.
    async fn load_client(&self, client_id: &str) -> Result<Option<ClientRecord>, Failure>;
}

/// Time and chance, so that tests can choose them.
pub trait Surroundings: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;

    /// Random bytes for a new id.
    fn random_bytes(&self) -> [u8; 10];
}

/// A clock that can be waited for.
#[async_trait]
pub trait Timer: Surroundings {
    /// Returns after some milliseconds.
    async fn pause(&self, ms: u64);

    /// Returns when the clock shows a moment, in milliseconds since 1970.
    async fn reach(&self, moment_ms: u64);
}

/// A lock that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Which lock.
    pub lock_id: String,
    /// Who holds it.
    pub owner: String,
    /// Grows with every holder; a write that carries an older one is refused where it is written.
    pub fencing_token: u64,
}

/// The locks table.
#[async_trait]
pub trait LockStore: Send + Sync {
    /// Takes a lock that nobody holds, or whose holder let its lease end; none when it is held.
    async fn acquire(
        &self,
        lock_id: &str,
        owner: &str,
        now_ms: u64,
        lease_ms: u64,
    ) -> Result<Option<Lock>, Failure>;

    /// Prolongs a lease; false when somebody else took the lock.
    async fn renew(&self, lock: &Lock, now_ms: u64, lease_ms: u64) -> Result<bool, Failure>;

    /// Gives a held lock a fencing token beyond one that was seen; none when somebody else took the lock.
    async fn advance(&self, lock: &Lock, beyond: u64) -> Result<Option<Lock>, Failure>;

    /// Lets a lock go; false when somebody else took it.
    async fn release(&self, lock: &Lock) -> Result<bool, Failure>;
}

/// A file or list that a source is asked for.
#[derive(Debug, Clone)]
pub struct SourceRequest<'a> {
    /// Where it is.
    pub url: &'a str,
    /// What may be called for it: this address, and every redirect from it.
    pub access: &'a Access,
    /// Not again, if it is still called this.
    pub etag: Option<&'a str>,
    /// Not again, if it was not changed since.
    pub last_modified: Option<&'a str>,
    /// How long all of it may take, to the last byte.
    pub timeout_ms: u64,
}

/// What a source answers.
pub enum SourceAnswer {
    /// Nothing has changed.
    NotModified,
    /// Here it is.
    Body(SourceBody),
}

/// A body that begins to come.
pub struct SourceBody {
    /// Where it was, behind all redirects.
    pub url: String,
    /// The announced type.
    pub content_type: Option<String>,
    /// What the source calls these bytes.
    pub etag: Option<String>,
    /// When they were changed, in the source's words.
    pub last_modified: Option<String>,
    /// The announced length of what is read here; none where it is packed, or nobody knows.
    pub length: Option<u64>,
    /// The bytes.
    pub stream: Box<dyn SourceStream>,
}

/// The bytes of a source's body, a piece at a time.
#[async_trait]
pub trait SourceStream: Send {
    /// The next piece; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, FetchProblem>;
}

/// Calls external sources, and nothing that their access does not allow: the address that is checked is the one that
/// is dialled.
#[async_trait]
pub trait SourceClient: Send + Sync {
    /// Asks for a file or a list.
    async fn get(&self, request: &SourceRequest<'_>) -> Result<SourceAnswer, FetchProblem>;

    /// Lets time pass before the next try.
    async fn pause(&self, ms: u64);
}
