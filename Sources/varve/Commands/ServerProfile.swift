internal import Foundation
internal import TOMLKit

/// Where a server is and as whom to ask it, from a file that a person keeps:
///
///     profile = "production"            # when no other is named
///
///     [profiles.production]
///     addr = "http://varve.internal:8780"
///     tenant = "shop"
///     username = "ada"
///     password = "…"
///     token = "…"                       # instead of these two
struct ServerProfile {
    var address: String?
    var tenant: String?
    var username: String?
    var password: String?
    var token: String?

    private static let keys: Set<String> = ["addr", "tenant", "username", "password", "token"]

    /// `~/.config/varve/client.toml`, or what VARVE_CLIENT_CONFIG and XDG_CONFIG_HOME say.
    static func path(_ environment: [String: String]) -> String? {
        if let path = environment["VARVE_CLIENT_CONFIG"] { return path }
        if let base = environment["XDG_CONFIG_HOME"] { return "\(base)/varve/client.toml" }
        return environment["HOME"].map { "\($0)/.config/varve/client.toml" }
    }

    /// The profile of that name, or the one that the file names; nothing where there is no file and
    /// none was asked for.
    static func read(
        named name: String?, _ environment: [String: String]
    ) throws(CommandFailure) -> ServerProfile {
        guard let path = path(environment), FileManager.default.fileExists(atPath: path) else {
            if let name {
                throw CommandFailure("no profile \"\(name)\": there is no file of profiles")
            }
            return ServerProfile()
        }
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw CommandFailure("cannot read \(path): \(error.localizedDescription)")
        }
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch {
            throw CommandFailure("\(path) is not TOML: \(error)")
        }
        for key in table.keys where key != "profile" && key != "profiles" {
            throw CommandFailure("\(path): \(key) is not known: profile and profiles are")
        }
        guard let chosen = name ?? table["profile"]?.string else { return ServerProfile() }
        guard let entry = table["profiles"]?.table?[chosen]?.table else {
            throw CommandFailure("\(path) has no profile \"\(chosen)\"")
        }
        for key in entry.keys where !keys.contains(key) {
            throw CommandFailure(
                "\(path): \(chosen).\(key) is not known: \(keys.sorted().joined(separator: ", ")) are"
            )
        }
        return ServerProfile(
            address: entry["addr"]?.string, tenant: entry["tenant"]?.string,
            username: entry["username"]?.string, password: entry["password"]?.string,
            token: entry["token"]?.string)
    }

    /// The value of an `Authorization` header, if there is something to say.
    var authorization: String? {
        if let token { return "Bearer \(token)" }
        guard let username else { return nil }
        let pair = Data("\(username):\(password ?? "")".utf8)
        return "Basic \(pair.base64EncodedString())"
    }
}
