//! Opening a session, and cancelling what another one does.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::session::Session;
use super::{ServerError, WireError};
use crate::secrets::Credentials;

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl Address {
    async fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Asks the server to stop what the session with these numbers is doing.
    pub(crate) async fn cancel(&self, process_id: i32, secret_key: i32) -> io::Result<()> {
        let mut stream = self.connect().await?;
        let mut message = BytesMut::new();
        frontend::cancel_request(process_id, secret_key, &mut message);
        stream.write_all(&message).await?;
        // the server closes the connection when it has sent the signal
        stream.readable().await
    }
}

impl Session {
    /// Connects to `database` as the secret's role.
    pub(crate) async fn open(
        address: &Address,
        database: &str,
        credentials: &Credentials,
    ) -> Result<Self, WireError> {
        let mut session = Self::over(address.clone(), address.connect().await?);
        let parameters = [
            ("user", credentials.username.as_str()),
            ("database", database),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO, YMD"),
            ("TimeZone", "UTC"),
            ("application_name", "rds-data-api"),
        ];
        session
            .write(|buffer| frontend::startup_message(parameters, buffer))
            .await?;
        session.authenticate(&credentials.password).await?;
        loop {
            match session.receive().await? {
                Message::BackendKeyData(key) => session.keep_key(key.process_id(), key.secret_key()),
                Message::ReadyForQuery(_) => return Ok(session),
                Message::ErrorResponse(body) => {
                    return Err(WireError::Sql(ServerError::read(body.fields())?));
                }
                _ => {}
            }
        }
    }

    async fn authenticate(&mut self, password: &str) -> Result<(), WireError> {
        match self.receive().await? {
            Message::AuthenticationOk => Ok(()),
            Message::AuthenticationSasl(body) => self.scram(&body, password).await,
            Message::ErrorResponse(body) => Err(WireError::Sql(ServerError::read(body.fields())?)),
            _ => Err(unexpected("the server does not ask for SCRAM").into()),
        }
    }

    async fn scram(&mut self, body: &AuthenticationSaslBody, password: &str) -> Result<(), WireError> {
        if !body
            .mechanisms()
            .any(|mechanism| Ok(mechanism == SCRAM_SHA_256))?
        {
            return Err(unexpected("the server does not offer SCRAM-SHA-256").into());
        }
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        let first = scram.message().to_vec();
        self.write(|buffer| frontend::sasl_initial_response(SCRAM_SHA_256, &first, buffer))
            .await?;
        loop {
            match self.receive().await? {
                Message::AuthenticationSaslContinue(body) => {
                    scram.update(body.data())?;
                    let answer = scram.message().to_vec();
                    self.write(|buffer| frontend::sasl_response(&answer, buffer))
                        .await?;
                }
                Message::AuthenticationSaslFinal(body) => scram.finish(body.data())?,
                Message::AuthenticationOk => return Ok(()),
                Message::ErrorResponse(body) => {
                    return Err(WireError::Sql(ServerError::read(body.fields())?));
                }
                _ => return Err(unexpected("an unexpected message while authenticating").into()),
            }
        }
    }
}

fn unexpected(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
