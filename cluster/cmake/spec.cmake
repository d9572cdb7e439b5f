# The ground: nouns, canonical JSON, Philox. Everyone may see it.
stdualx_library(stdualx_spec FOLDER experiments/spec
  SOURCES spec.cpp sha256.cpp model_shape.cpp condition.cpp durable_file.cpp fault.cpp human_text.cpp run_path.cpp pack.cpp safetensors.cpp shown_text.cpp thin_class.cpp
  LINKS headers::json
  PRIVATE_LINKS fmt::fmt OpenSSL::Crypto headers::xxhash)
stdualx_tests(spec SOURCES identity_test.cpp fields_test.cpp random_test.cpp condition_test.cpp foreign_text_test.cpp human_text_test.cpp thin_class_test.cpp LINKS stdualx_spec)
