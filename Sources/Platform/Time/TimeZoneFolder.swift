internal import Foundation

/// The system's copy of the time zone database, a file a zone.
package enum TimeZoneFolder {
    private static let paths = [
        "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo",
    ]
    private static let byteCountMax = 1 << 20

    /// The file of a zone as `Europe/Berlin`; nil when there is none. TZDIR says where else to look first.
    package static func bytes(named name: String) -> [UInt8]? {
        let given = ProcessInfo.processInfo.environment["TZDIR"].map { [$0] } ?? []
        for folder in given + paths {
            if let data = FileManager.default.contents(atPath: "\(folder)/\(name)"),
                (1...byteCountMax).contains(data.count)
            {
                return [UInt8](data)
            }
        }
        return nil
    }
}
