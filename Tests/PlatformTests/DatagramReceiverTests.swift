import Foundation
import Glibc
import Platform
import Testing

/// Datagrams on loopback: what arrives, what is cut, what the kernel drops.
struct DatagramReceiverTests {
    private struct Seen {
        var datagrams: [[UInt8]] = []
        var senders: [String?] = []
        var senderKeys: Set<UInt64> = []
        var isBlocked = false
    }

    private static let loopback = Endpoint.inet(host: "127.0.0.1", port: 0)

    private static func receiver(
        _ endpoint: Endpoint, _ seen: Monitor<Seen>, _ telemetry: Telemetry,
        _ change: (inout DatagramReceiver.Options) -> Void = { _ in }
    ) throws -> DatagramReceiver {
        var options = DatagramReceiver.Options()
        options.coalesceMicros = 0
        change(&options)
        return try DatagramReceiver(
            endpoint, name: "test", options: options, telemetry: telemetry
        ) { batch in
            seen.update { seen in
                for index in 0..<batch.count {
                    seen.datagrams.append(Array(batch.slab[batch.ranges[index]]))
                    seen.senders.append(batch.senderHost(index))
                    seen.senderKeys.insert(batch.senderKey(index))
                }
            }
            _ = seen.wait { $0.isBlocked ? nil : true }
        }
    }

    @Test func everyDatagramArrivesWholeAndEmptyOnesToo() throws {
        let seen = Monitor(Seen())
        let telemetry = Telemetry()
        let receiver = try Self.receiver(Self.loopback, seen, telemetry) {
            $0.wantsSenders = true
        }
        let client = try Loopback(udpPort: try #require(receiver.endpoint.port))
        let largest = [UInt8](repeating: 7, count: 65_507)
        let sent: [[UInt8]] = [Array("a".utf8), [], largest, [0, 255]]
        for datagram in sent { #expect(client.send(datagram) == datagram.count) }
        _ = seen.wait { $0.datagrams.count == 4 ? true : nil }
        receiver.stop()
        #expect(seen.withLock { $0.datagrams } == sent)
        #expect(seen.withLock { $0.senders } == Array(repeating: "127.0.0.1", count: 4))
        #expect(seen.withLock { $0.senderKeys } == [UInt64(UInt32(0x7F00_0001).bigEndian)])
        #expect(telemetry.figure("varve_datagrams_received_total") == 4)
        #expect(telemetry.figure("varve_datagram_bytes_total") == 65_510)
        #expect(telemetry.figure("varve_datagrams_truncated_total") == 0)
    }

    @Test func whatTheKernelDropsIsCounted() throws {
        let seen = Monitor(Seen(isBlocked: true))
        let telemetry = Telemetry()
        let receiver = try Self.receiver(Self.loopback, seen, telemetry) {
            $0.receiveBufferBytes = 4096
        }
        let client = try Loopback(udpPort: try #require(receiver.endpoint.port))
        client.send("first")
        // The handler holds the thread: what comes now fills the buffer and overflows it.
        _ = seen.wait { $0.datagrams.isEmpty ? nil : true }
        let count = 500
        for _ in 0..<count { client.send([UInt8](repeating: 1, count: 1_000)) }
        let dropped = telemetry.figure("varve_datagrams_kernel_dropped_total") ?? 0
        #expect(dropped > 0)
        seen.update { $0.isBlocked = false }
        _ = seen.wait { $0.datagrams.count == 1 + count - Int(dropped) ? true : nil }
        receiver.stop()
        #expect(telemetry.figure("varve_datagrams_kernel_dropped_total") == dropped)
    }

    @Test func aUnixSocketReplacesItsStaleFileAndNoOther() throws {
        let path = NSTemporaryDirectory() + "varve-\(UUID().uuidString).sock"
        let seen = Monitor(Seen())
        let first = try Self.receiver(.unix(path: path), seen, Telemetry())
        first.stop()
        _ = FileManager.default.createFile(atPath: path, contents: Data([1]))
        #expect(throws: NetworkError.self) {
            try Self.receiver(.unix(path: path), seen, Telemetry())
        }
        #expect(FileManager.default.contents(atPath: path) == Data([1]))
        try FileManager.default.removeItem(atPath: path)
    }

    @Test func aPortInUseIsAnError() throws {
        let seen = Monitor(Seen())
        let first = try Self.receiver(Self.loopback, seen, Telemetry())
        #expect(throws: NetworkError.self) {
            try Self.receiver(first.endpoint, seen, Telemetry())
        }
        first.stop()
    }
}
