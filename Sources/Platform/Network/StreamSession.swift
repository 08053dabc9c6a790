package import NIOCore

/// What one TCP connection means: it gets the bytes, keeps what is between them, and says when it
/// has had enough. Made per connection and only ever called on that connection's event loop, so it
/// needs no lock.
package protocol StreamSession: AnyObject {
    /// `bytes` holds all that came and was not yet read from the buffer; what is left unread comes
    /// again in front of the next bytes. Leave at most `StreamListener.Options.unreadBytesMax`.
    func received(_ bytes: inout ByteBuffer) -> StreamVerdict

    /// The last call: after it the connection is closed. `rest`: bytes left unread, as a last line
    /// without its end. Also called for a connection that never sent anything.
    func ended(_ reason: StreamEnd, rest: inout ByteBuffer)
}

/// What a session wants next.
package enum StreamVerdict: Hashable, Sendable {
    /// More bytes.
    case more
    /// No more bytes until `StreamConnection.resume`: the kernel's buffers fill and the sender
    /// waits. It may have been called already by then; nothing is lost between the two.
    case pause
    /// Close the connection: the bytes make no sense.
    case close
}

/// Why a connection is over.
package enum StreamEnd: Hashable, Sendable {
    /// The other side has sent all it wanted.
    case finished
    /// The connection broke.
    case failed(reason: String)
    /// Nothing came for the idle time.
    case idle
    /// The session asked for it.
    case closedBySession
    /// The session left more unread than allowed.
    case tooMuchUnread
    /// The listener stops.
    case stopping
}
