internal import Ingest
internal import Model

/// The targets that a server scrapes, and whose their series are.
package struct ScrapeConfiguration: Sendable, Hashable {
    var jobs: [ScrapeJob] = []
    var tenant = Tenant.standard

    package init() {}

    /// Whose the series are; checked with `ServerConfiguration.isTenant`.
    package mutating func setTenant(_ name: String) { tenant = Tenant(name) ?? .standard }

    /// Reads a file of scrapes and those that it names. `read`: the text of a path; `expand`: the
    /// paths that a pattern stands for. Throws everything that is wrong; then nothing has changed.
    package mutating func setFile(
        path: String, text: String, read: @escaping (String) throws -> String,
        expand: @escaping (String) -> [String]
    ) throws(FileFaults) {
        let disk = ScrapeFile.Disk(read: read, expand: expand)
        jobs = try ScrapeFile(path: path, text: text, disk: disk).jobs
    }

    /// How many jobs there are, and how many targets stand in the file.
    package var counts: (jobs: Int, targets: Int) {
        (
            jobs.count,
            jobs.reduce(0) { $0 + $1.groups.reduce(0) { $0 + $1.addresses.count } }
        )
    }

    /// What is read for discovery: one line for a person for each file that is wrong or missing.
    package func checkDiscovery(
        read: (String) throws -> String, expand: (String) -> [String]
    ) -> [String] {
        jobs.flatMap(\.discoveries).flatMap(\.patterns).flatMap(expand).compactMap { path in
            do {
                _ = try DiscoveryFile(path: path, text: try read(path))
                return nil
            } catch {
                return "\(error)"
            }
        }
    }
}
