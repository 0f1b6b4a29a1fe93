//! Connections that can be broken off on purpose.
//!
//! Knows bytes only: when a connection is to break is decided above.

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

/// The handle by which a request breaks the connection it came over.
#[derive(Debug, Clone)]
pub(super) struct ResetHandle(Arc<AtomicBool>);

impl ResetHandle {
    /// From now on nothing more is written, and the connection is reset.
    pub(super) fn reset(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, ResettableListener>> for ResetHandle {
    fn connect_info(stream: IncomingStream<'_, ResettableListener>) -> Self {
        Self(Arc::clone(&stream.io().is_reset))
    }
}

/// Accepts connections as [`BreakableStream`]s.
pub(super) struct ResettableListener(pub(super) TcpListener);

impl Listener for ResettableListener {
    type Io = ResettableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (ResettableStream, SocketAddr) {
        loop {
            // The listener's own accept waits a little when the process has no file handles left.
            let (stream, peer) = Listener::accept(&mut self.0).await;
            // Fails only where the client has gone already.
            if stream.set_nodelay(true).is_ok() {
                return (ResettableStream { stream, is_reset: Arc::default() }, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A TCP connection that a request can break off.
pub(super) struct ResettableStream {
    stream: TcpStream,
    is_reset: Arc<AtomicBool>,
}

impl ResettableStream {
    /// Once broken off, the connection is set to end with a reset instead of a farewell, and every use fails.
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
