/// carillon-thumbnail: reads a picture on standard input, writes its measures and a small JPEG to standard output.
/// A process of its own, within limits of memory and time: pictures come from strangers, and decoders have faults.
/// Output: "WIDTH HEIGHT THUMBNAIL-WIDTH THUMBNAIL-HEIGHT\n", then the JPEG. Exit status 1: no such picture.
/// Not here: who starts it (thumbnailer.h).
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr int kEdge = 320;                    // of the box that the thumbnail fits into
constexpr long long kMaxPixels = 40'000'000;  // of the picture
constexpr rlim_t kMemory = 640ULL * 1024 * 1024;
constexpr rlim_t kSeconds = 5;

struct Measures {
    int width = 0;
    int height = 0;
    bool too_large = false;
};

void limit(__rlimit_resource resource, rlim_t most) {
    const rlimit bounds{most, most};
    ::setrlimit(resource, &bounds);
}

void limit_all() {
#ifndef __SANITIZE_ADDRESS__  // which takes terabytes of addresses for itself
    limit(RLIMIT_AS, kMemory);
#endif
    limit(RLIMIT_CPU, kSeconds);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NPROC, 0);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/// By its first octets alone, and never a format besides these.
const char* format_of(std::string_view octets) {
    if (octets.starts_with("\xFF\xD8\xFF")) return "jpeg";
    if (octets.starts_with("\x89PNG\r\n\x1A\n")) return "png";
    if (octets.starts_with("GIF87a") || octets.starts_with("GIF89a")) return "gif";
    if (octets.starts_with("RIFF") && octets.size() >= 12 && octets.substr(8, 4) == "WEBP") return "webp";
    return nullptr;
}

/// Before anything is decoded: the measures that the picture claims.
void measured(GdkPixbufLoader* loader, int width, int height, gpointer user) {
    auto& measures = *static_cast<Measures*>(user);
    measures.width = width;
    measures.height = height;
    if (width <= 0 || height <= 0 || static_cast<long long>(width) * height > kMaxPixels) {
        measures.too_large = true;
        gdk_pixbuf_loader_set_size(loader, 0, 0);
        std::exit(1);  // nothing is to be gained from going on
    }
    const double scale = std::min(1.0, static_cast<double>(kEdge) / std::max(width, height));
    gdk_pixbuf_loader_set_size(loader, std::max(1, static_cast<int>(width * scale)),
                               std::max(1, static_cast<int>(height * scale)));
}

bool read_all(GdkPixbufLoader*& loader, Measures& measures) {
    std::array<char, 65536> piece{};
    std::size_t held = 0;
    for (;;) {
        const auto got = ::read(STDIN_FILENO, piece.data() + held, piece.size() - held);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) return loader && gdk_pixbuf_loader_close(loader, nullptr);
        held += static_cast<std::size_t>(got);
        if (!loader) {
            if (held < 12) continue;
            const auto* format = format_of({piece.data(), held});
            loader = format ? gdk_pixbuf_loader_new_with_type(format, nullptr) : nullptr;
            if (!loader) return false;
            g_signal_connect(loader, "size-prepared", G_CALLBACK(measured), &measures);
        }
        const auto* octets = reinterpret_cast<const guchar*>(piece.data());
        if (!gdk_pixbuf_loader_write(loader, octets, std::exchange(held, 0), nullptr)) return false;
    }
}

/// JPEG knows no transparency: what is transparent becomes white.
GdkPixbuf* flattened(GdkPixbuf* picture) {
    if (!gdk_pixbuf_get_has_alpha(picture)) return picture;
    return gdk_pixbuf_composite_color_simple(picture, gdk_pixbuf_get_width(picture), gdk_pixbuf_get_height(picture),
                                             GDK_INTERP_NEAREST, 255, 8, 0xFFFFFF, 0xFFFFFF);
}

bool write_out(std::string_view octets) {
    while (!octets.empty()) {
        const auto count = ::write(STDOUT_FILENO, octets.data(), octets.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        octets.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace

int main() {
    limit_all();
    Measures measures;
    GdkPixbufLoader* loader = nullptr;
    // A picture that breaks off may still have given enough to see.
    const bool whole = read_all(loader, measures);
    GdkPixbuf* picture = loader ? gdk_pixbuf_loader_get_pixbuf(loader) : nullptr;
    if (!whole || !picture || measures.too_large) return 1;
    const int width = gdk_pixbuf_get_width(picture);
    picture = gdk_pixbuf_apply_embedded_orientation(picture);
    const bool turned = gdk_pixbuf_get_width(picture) != width && measures.width != measures.height;
    if (turned) std::swap(measures.width, measures.height);
    picture = flattened(picture);
    gchar* jpeg = nullptr;
    gsize size = 0;
    if (!picture || !gdk_pixbuf_save_to_buffer(picture, &jpeg, &size, "jpeg", nullptr, "quality", "80", nullptr))
        return 1;
    const auto head = std::to_string(measures.width) + ' ' + std::to_string(measures.height) + ' ' +
                      std::to_string(gdk_pixbuf_get_width(picture)) + ' ' +
                      std::to_string(gdk_pixbuf_get_height(picture)) + '\n';
    return write_out(head) && write_out({jpeg, size}) ? 0 : 1;
}
