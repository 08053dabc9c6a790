internal import Encoding

/// The little of WebSocket that a server needs which only sends texts: the handshake's answer, frames
/// to a client, and a reader of what clients send, which is to close and to ask whether somebody is
/// there. Source: RFC 6455.
package struct WebSocketFrames: Sendable {
    /// What the client asked for.
    package enum Event: Sendable, Equatable {
        /// Payload of at most 125 bytes, to be sent back.
        case ping([UInt8])
        case close
    }

    private enum State {
        /// Of the head, as far as it is there.
        case head([UInt8])
        /// Payload that is passed over.
        case skip(UInt64)
        /// Payload of a control frame.
        case control(code: UInt8, mask: [UInt8], length: Int, payload: [UInt8])
    }

    private static let closeCode: UInt8 = 8
    private static let pingCode: UInt8 = 9

    private var state = State.head([])
    private var isOver = false

    package init() {}

    /// The value of `Sec-WebSocket-Accept` for a client's key.
    package static func accept(_ key: String) -> String {
        let digest = SHA1.digest(Array("\(key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
        return base64(digest)
    }

    /// A frame with a text, whole and unmasked.
    package static func text(_ payload: [UInt8]) -> [UInt8] { frame(1, payload) }

    package static func pong(_ payload: [UInt8]) -> [UInt8] { frame(10, payload) }

    package static var ping: [UInt8] { frame(pingCode, []) }

    /// A normal end.
    package static var close: [UInt8] { frame(closeCode, [0x03, 0xE8]) }

    private static func frame(_ code: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = [0x80 | code]
        switch payload.count {
        case ..<126: frame.append(UInt8(payload.count))
        case ..<65_536:
            frame += [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default:
            frame.append(127)
            for shift in stride(from: 56, through: 0, by: -8) {
                frame.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        return frame + payload
    }

    /// Reads on; holds at most a head and 125 bytes. Frames that break the rules are a close.
    package mutating func read(_ bytes: some Sequence<UInt8>) -> [Event] {
        var events: [Event] = []
        for byte in bytes where !isOver { take(byte, &events) }
        return events
    }

    private mutating func take(_ byte: UInt8, _ events: inout [Event]) {
        switch state {
        case .head(var head):
            head.append(byte)
            state = .head(head)
            begin(head, &events)
        case .skip(let rest):
            state = rest > 1 ? .skip(rest - 1) : .head([])
        case .control(let code, let mask, let length, var payload):
            payload.append(byte ^ mask[payload.count % 4])
            state = .control(code: code, mask: mask, length: length, payload: payload)
            if payload.count == length { end(code, payload, &events) }
        }
    }

    /// Once the head is whole.
    private mutating func begin(_ head: [UInt8], _ events: inout [Event]) {
        guard head.count >= 2 else { return }
        let code = head[0] & 15
        let short = head[1] & 0x7F
        let sizeBytes = short == 126 ? 2 : short == 127 ? 8 : 0
        // Clients mask; control frames are short.
        guard head[1] & 0x80 != 0, code < 8 || short < 126 else {
            isOver = true
            return events.append(.close)
        }
        guard head.count == 2 + sizeBytes + 4 else { return }
        let length =
            sizeBytes == 0
            ? UInt64(short) : head[2..<2 + sizeBytes].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        if code < 8 {
            state = length > 0 ? .skip(length) : .head([])
        } else if length == 0 {
            end(code, [], &events)
        } else {
            state = .control(
                code: code, mask: Array(head.suffix(4)), length: Int(length), payload: [])
        }
    }

    private mutating func end(_ code: UInt8, _ payload: [UInt8], _ events: inout [Event]) {
        state = .head([])
        switch code {
        case WebSocketFrames.closeCode:
            isOver = true
            events.append(.close)
        case WebSocketFrames.pingCode: events.append(.ping(payload))
        default: break
        }
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let group = (0..<3).reduce(0) { group, place in
                group << 8 | (place < part.count ? Int(part[start + place]) : 0)
            }
            for place in 0..<4 {
                text.append(place <= part.count ? digits[group >> (18 - 6 * place) & 63] : "=")
            }
        }
        return text
    }
}
