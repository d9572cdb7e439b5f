// See sha256.h.
#include "experiments/spec/sha256.h"

#include "experiments/spec/run_spec.h"

#include <openssl/evp.h>

#include <stdexcept>

namespace stdualx {

namespace {
void check(int result) {
  if (result != 1) throw std::runtime_error("OpenSSL could not compute a SHA-256");
}
template <class Handle> EVP_MD_CTX* of(const Handle& context) { return static_cast<EVP_MD_CTX*>(context.get()); }
} // namespace

void Sha256::Free::operator()(void* context) const { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context)); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { check(context_ ? EVP_DigestInit_ex(of(context_), EVP_sha256(), nullptr) : 0); }

void Sha256::update(std::string_view bytes) { check(EVP_DigestUpdate(of(context_), bytes.data(), bytes.size())); }

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  check(EVP_DigestFinal_ex(of(context_), digest, &length));
  return hex_text(std::span(digest).first(length));
}

} // namespace stdualx
