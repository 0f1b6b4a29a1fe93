//! Accepts connections that the simulator can reset on purpose.
//!
//! It does not read or decide anything about the bytes that it carries; the caller decides when to reset.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// A handle with which a request resets its own connection.
#[derive(Debug, Clone)]
pub(super) struct ResetHandle(Arc<AtomicBool>);

impl ResetHandle {
    /// Resets the connection. Nothing more is written to it.
    pub(super) fn reset(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, ResettableListener>> for ResetHandle {
    fn connect_info(stream: IncomingStream<'_, ResettableListener>) -> Self {
        Self(Arc::clone(&stream.io().is_reset))
    }
}

/// Accepts connections as [`ResettableStream`]s.
pub(super) struct ResettableListener(pub(super) TcpListener);

impl Listener for ResettableListener {
    type Io = ResettableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (ResettableStream, SocketAddr) {
        loop {
            // This `accept` retries after a delay if the process has no free file descriptors.
            let (stream, peer) = Listener::accept(&mut self.0).await;
            // Fails only if the client has already closed the connection.
            if stream.set_nodelay(true).is_ok() {
                return (ResettableStream { stream, is_reset: Arc::default() }, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A TCP connection that a request can reset.
pub(super) struct ResettableStream {
    stream: TcpStream,
    is_reset: Arc<AtomicBool>,
}

impl ResettableStream {
    /// After a reset, every use fails, and the connection closes with RST instead of FIN.
    fn fail_if_reset(&self) -> io::Result<()> {
        if self.is_reset.load(Ordering::Relaxed) {
            self.stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for ResettableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.fail_if_reset()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for ResettableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.fail_if_reset()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fail_if_reset()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fail_if_reset()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
