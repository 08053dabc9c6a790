import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Platform
import Testing

@testable import Server

/// Time is the embedded event loop's.
struct RequestDeadlineTests {
    private let telemetry = Telemetry()
    private let limits = RequestDeadline.Limits(
        headSeconds: 10, bodySeconds: 20, restSeconds: 3, writeSeconds: 30)

    private func connect() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(
            handler: RequestDeadline(
                limits: limits, telemetry: telemetry, watch: ConnectionWatch()))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private func send(_ part: HTTPRequestPart, _ channel: EmbeddedChannel) throws {
        try channel.writeInbound(part)
    }

    private var head: HTTPRequestPart {
        .head(HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/write"))
    }

    private func answer(_ channel: EmbeddedChannel) throws {
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .ok)))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
    }

    /// Connections cut, by what the client was slow at.
    private func cuts(_ reason: String) -> Double? {
        telemetry.snapshot().first { $0.name == "varve_http_connections_cut_total" }?.samples
            .first { $0.labels.contains { $0.value == reason } }?.value
    }

    private func advance(_ channel: EmbeddedChannel, _ seconds: Int64) {
        channel.embeddedEventLoop.advanceTime(by: .seconds(seconds))
    }

    @Test func aConnectionThatAsksNothingIsCut() throws {
        let channel = try connect()
        advance(channel, 9)
        #expect(channel.isActive)
        advance(channel, 1)
        #expect(!channel.isActive)
        #expect(cuts("head") == 1)
    }

    @Test func aBodyHasItsOwnTimeFromTheHeadOn() throws {
        let channel = try connect()
        advance(channel, 9)
        try send(head, channel)
        for _ in 0..<19 {
            advance(channel, 1)
            try send(.body(ByteBuffer(string: "a")), channel)
        }
        #expect(channel.isActive)
        advance(channel, 1)
        #expect(!channel.isActive, "however often a byte comes")
        #expect(cuts("body") == 1)
    }

    @Test func theServerMayTakeItsTimeAndTheNextRequestToo() throws {
        let channel = try connect()
        for _ in 0..<3 {
            try send(head, channel)
            try send(.end(nil), channel)
            advance(channel, 1_000)
            #expect(channel.isActive)
            try answer(channel)
            advance(channel, 9)
        }
        #expect(channel.isActive)
        advance(channel, 1)
        #expect(!channel.isActive)
        #expect(cuts("head") == 1)
    }

    @Test func whatIsLeftOfABodyAfterItsAnswerHasAShortTime() throws {
        let channel = try connect()
        try send(head, channel)
        try answer(channel)
        advance(channel, 2)
        #expect(channel.isActive)
        advance(channel, 1)
        #expect(!channel.isActive)
        #expect(cuts("body") == 1)
    }

    @Test func aClientThatTakesNothingOfItsAnswerIsCut() throws {
        let channel = try connect()
        try send(head, channel)
        try send(.end(nil), channel)
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        advance(channel, 29)
        #expect(channel.isActive)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        advance(channel, 100)
        #expect(channel.isActive, "it took some")
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        advance(channel, 30)
        #expect(!channel.isActive)
        #expect(cuts("write") == 1)
    }

    @Test func aClosedConnectionIsCountedByNobody() throws {
        let channel = try connect()
        try channel.close().wait()
        advance(channel, 1_000)
        #expect(cuts("head") == nil)
    }
}
