internal import Glibc

/// Addresses as the system wants them.
enum SocketCalls {
    /// An address ready for bind: family and bytes.
    struct Address {
        var family: Int32
        var storage: sockaddr_storage
        var size: socklen_t
    }

    /// The addresses of `endpoint`, best first. An empty host is `::` (both families), then
    /// `0.0.0.0`.
    static func resolve(_ endpoint: Endpoint, socketType: Int32) throws(NetworkError) -> [Address] {
        switch endpoint {
        case .unix(let path):
            return [try unixAddress(path)]
        case .inet(let host, let port):
            if host.isEmpty {
                return try lookUp("::", port, socketType) + lookUp("0.0.0.0", port, socketType)
            }
            return try lookUp(host, port, socketType)
        }
    }

    private static func lookUp(
        _ host: String, _ port: Int, _ socketType: Int32
    ) throws(NetworkError) -> [Address] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = socketType
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, "\(port)", &hints, &found)
        guard code == 0 else {
            let reason = unsafe gai_strerror(code).map { unsafe String(cString: $0) }
            throw NetworkError.unresolvable(host: host, reason: reason ?? "error \(code)")
        }
        defer { if let found = unsafe found { unsafe freeaddrinfo(found) } }
        var addresses: [Address] = []
        var next = unsafe found
        while let info = unsafe next {
            if let bytes = unsafe info.pointee.ai_addr {
                var storage = sockaddr_storage()
                let size = unsafe min(
                    Int(info.pointee.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
                unsafe withUnsafeMutableBytes(of: &storage) { buffer in
                    unsafe buffer.copyMemory(
                        from: UnsafeRawBufferPointer(start: bytes, count: size))
                }
                unsafe addresses.append(
                    Address(
                        family: info.pointee.ai_family, storage: storage, size: socklen_t(size)))
            }
            unsafe next = info.pointee.ai_next
        }
        return addresses
    }

    private static func unixAddress(_ path: String) throws(NetworkError) -> Address {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard bytes.count < room else {
            throw NetworkError.cannotListen(
                endpoint: "unix:\(path)", reason: "the path is longer than \(room - 1) bytes")
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        var storage = sockaddr_storage()
        unsafe withUnsafeMutableBytes(of: &storage) { target in
            unsafe withUnsafeBytes(of: address) { unsafe target.copyMemory(from: $0) }
        }
        return Address(
            family: AF_UNIX, storage: storage, size: socklen_t(MemoryLayout<sockaddr_un>.size))
    }

    /// Calls `bind`; the errno, or 0.
    static func bind(_ descriptor: Int32, to address: Address) -> Int32 {
        var storage = address.storage
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(
                    descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: $0), address.size)
            }
        }
        return result == 0 ? 0 : errno
    }

    /// The port that the socket is bound to, or nil.
    static func boundPort(_ descriptor: Int32) -> Int? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, __SOCKADDR_ARG(__sockaddr__: $0), &size)
            }
        }
        guard result == 0 else { return nil }
        switch Int32(storage.ss_family) {
        case AF_INET, AF_INET6:
            // Both families have the port, big endian, behind the family.
            return unsafe withUnsafeBytes(of: storage) { unsafe Int($0[2]) << 8 | Int($0[3]) }
        default: return nil
        }
    }

    /// `192.0.2.1` or `2001:db8::1`; an IPv4 address in an IPv6 one is shown as IPv4.
    static func numericHost(_ storage: sockaddr_storage) -> String? {
        var storage = storage
        let family = Int32(storage.ss_family)
        guard family == AF_INET || family == AF_INET6 else { return nil }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getnameinfo(
                    $0, socklen_t(MemoryLayout<sockaddr_storage>.size), &text,
                    socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            }
        }
        guard code == 0 else { return nil }
        let host = String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return host.hasPrefix("::ffff:") && host.contains(".") ? String(host.dropFirst(7)) : host
    }

    /// A number for an address without its port: the 32 bits of IPv4 (mapped into IPv6 too), a hash
    /// of the 128 of IPv6, 0 for other families.
    static func hostKey(_ storage: sockaddr_storage) -> UInt64 {
        var storage = storage
        let family = Int32(storage.ss_family)
        return unsafe withUnsafeBytes(of: &storage) { bytes in
            if family == AF_INET {
                // sockaddr_in: family, port, address.
                return unsafe UInt64(bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            }
            guard family == AF_INET6 else { return 0 }
            // sockaddr_in6: family, port, flow, address.
            let high = unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            let low = unsafe bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            let isMapped = high == 0 && UInt32(truncatingIfNeeded: low).bigEndian == 0xFFFF
            if isMapped { return low >> 32 }
            return (high &* 0x9E37_79B9_7F4A_7C15) ^ low
        }
    }

    /// Sets an integer option; whether the system took it.
    @discardableResult
    static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Bool {
        var value = value
        return unsafe setsockopt(
            descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// An integer option, or nil.
    static func get(_ descriptor: Int32, _ level: Int32, _ option: Int32) -> Int? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, level, option, &value, &size) == 0 else { return nil }
        return Int(value)
    }
}
