/// How near a decoder's output is to a reference, as a decoder of Opus is judged by: 100 is the same, below 0 is no
/// decoder of Opus.
/// Spec: RFC 6716 §6.1 (the quality metric of its test vectors): spectra of 10 ms at every 2.5 ms, masked across bands
/// and time, in 21 bands, Itakura-Saito distance. Written from what the RFC says of it, mono and at 48 kHz only.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include "codecs/audio_codec.h"

namespace carillon::codecs::test {

class OpusScore {
  public:
    /// Of `heard` against `reference`: the length of the shorter one counts, and 10 ms at least.
    static double of(Samples reference, Samples heard) {
        const auto count = std::min(reference.size(), heard.size());
        if (count < kWindow) return -1e9;
        return OpusScore{}.compare(reference.first(count), heard.first(count));
    }

  private:
    static constexpr std::size_t kBands = 21, kWindow = 480, kStep = 120, kBins = 200;
    static constexpr std::array<std::size_t, kBands + 1> kEdges{0,  2,  4,  6,  8,  10, 12, 14, 16,  20,  24,
                                                                28, 32, 40, 48, 56, 68, 80, 96, 120, 156, kBins};
    static constexpr double kFloor = 100'000;  // power that no ear hears
    using Spectrum = std::array<double, kBins>;
    using Bands = std::array<double, kBands>;

    OpusScore() {
        for (std::size_t i = 0; i < kWindow; ++i) {
            const double turn = 2 * std::numbers::pi * static_cast<double>(i);
            window_[i] = 0.5 - 0.5 * std::cos(turn / (kWindow - 1));
            cosine_[i] = std::cos(turn / kWindow);
            sine_[i] = std::sin(turn / kWindow);
        }
    }

    std::vector<Spectrum> spectra(Samples sound) const {
        std::vector<Spectrum> out((sound.size() - kWindow + kStep) / kStep);
        std::array<double, kWindow> piece{};
        for (std::size_t at = 0; at < out.size(); ++at) {
            for (std::size_t i = 0; i < kWindow; ++i) piece[i] = window_[i] * sound[at * kStep + i];
            for (std::size_t bin = 0; bin < kBins; ++bin) {
                double re = 0, im = 0;
                for (std::size_t i = 0, turn = 0; i < kWindow; ++i, turn = (turn + bin) % kWindow)
                    re += piece[i] * cosine_[turn], im -= piece[i] * sine_[turn];
                out[at][bin] = re * re + im * im + kFloor;
            }
        }
        return out;
    }

    static std::vector<Bands> energies(const std::vector<Spectrum>& spectra) {
        std::vector<Bands> out(spectra.size());
        for (std::size_t at = 0; at < spectra.size(); ++at)
            for (std::size_t band = 0; band < kBands; ++band) {
                for (std::size_t bin = kEdges[band]; bin < kEdges[band + 1]; ++bin) out[at][band] += spectra[at][bin];
                out[at][band] /= static_cast<double>(kEdges[band + 1] - kEdges[band]);
            }
        return out;
    }

    /// What the reference hides of an error, added to both.
    static void mask(std::vector<Spectrum>& reference, std::vector<Spectrum>& heard) {
        auto hidden = energies(reference);
        for (std::size_t at = 0; at < hidden.size(); ++at) {
            auto& now = hidden[at];
            for (std::size_t band = 1; band < kBands; ++band) now[band] += 0.1 * now[band - 1];  // 10 dB a Bark
            for (std::size_t band = kBands - 1; band-- > 0;) now[band] += 0.03 * now[band + 1];  // 15 dB
            for (std::size_t band = 0; at > 0 && band < kBands; ++band) now[band] += 0.5 * hidden[at - 1][band];
            for (std::size_t band = 0; band < kBands; ++band)
                for (std::size_t bin = kEdges[band]; bin < kEdges[band + 1]; ++bin)
                    reference[at][bin] += 0.1 * now[band], heard[at][bin] += 0.1 * now[band];
        }
    }

    /// Neighbours in time together, so that less depends on where a window falls.
    static void smooth(std::vector<Spectrum>& spectra) {
        for (std::size_t at = spectra.size(); at-- > 1;)
            for (std::size_t bin = 0; bin < kBins; ++bin) spectra[at][bin] += spectra[at - 1][bin];
    }

    double compare(Samples reference_sound, Samples heard_sound) const {
        auto reference = spectra(reference_sound), heard = spectra(heard_sound);
        mask(reference, heard);
        smooth(reference), smooth(heard);
        double error = 0;
        for (std::size_t at = 0; at < reference.size(); ++at) {
            double moment = 0;
            for (std::size_t band = 0; band < kBands; ++band) {
                double distance = 0;
                for (std::size_t bin = kEdges[band]; bin < kEdges[band + 1]; ++bin)
                    distance += weight(bin) * itakura_saito(heard[at][bin] / reference[at][bin]);
                distance /= static_cast<double>(kEdges[band + 1] - kEdges[band]);
                moment += distance * distance;
            }
            error += std::pow(moment / kBands, 4);
        }
        const double mean = std::pow(error / static_cast<double>(reference.size()), 1.0 / 16);
        return 100 * (1 - 0.5 * std::log(1 + mean) / std::log(1.13));
    }

    static double itakura_saito(double ratio) { return ratio - std::log(ratio) - 1; }
    /// Where SILK and CELT meet little is asked.
    static double weight(std::size_t bin) { return bin == 80 ? 0.01 : bin == 79 || bin == 81 ? 0.1 : 1; }

    std::array<double, kWindow> window_{}, cosine_{}, sine_{};
};

}  // namespace carillon::codecs::test
