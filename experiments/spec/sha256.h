// SHA-256 of what comes in pieces. Of bytes at hand: sha256_hex (run_spec.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace stdualx {

class Sha256 {
public:
  Sha256();
  void update(std::string_view bytes);
  /// 64 lower-case hex digits. Nothing may follow.
  std::string hex();

private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_; // an EVP_MD_CTX, whose tag OpenSSL and BoringSSL spell differently
};

} // namespace stdualx
