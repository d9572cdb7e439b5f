// Which GPU a worker gets, for each form that CUDA_VISIBLE_DEVICES has.
#include "cluster/devices.h"

#include "experiments/spec/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stdualx {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string refused(const char* value) {
  return refusal([&] { visible_devices(value); });
}

TEST(VisibleDevices, UnsetMeansAllAndEmptyMeansNone) {
  EXPECT_EQ(visible_devices(nullptr), std::nullopt);
  EXPECT_THAT(visible_devices(""), Optional(IsEmpty()));
  EXPECT_THAT(visible_devices(" "), Optional(IsEmpty()));
  EXPECT_THAT(visible_devices("-1"), Optional(IsEmpty()));
  EXPECT_THAT(visible_devices("NoDevFiles"), Optional(IsEmpty()));
}

TEST(VisibleDevices, NumbersUuidsAndMigDevicesKeepTheirOrder) {
  EXPECT_THAT(visible_devices("2,3"), Optional(ElementsAre("2", "3")));
  EXPECT_THAT(visible_devices(" 3 , 0 "), Optional(ElementsAre("3", "0")));
  EXPECT_THAT(visible_devices("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,GPU-1a"),
              Optional(ElementsAre("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-1a")));
  EXPECT_THAT(visible_devices("MIG-c2a1f6b0-0f7e-5b6c-9d4e-aa00bb11cc22"),
              Optional(ElementsAre("MIG-c2a1f6b0-0f7e-5b6c-9d4e-aa00bb11cc22")));
  EXPECT_THAT(visible_devices("MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0"),
              Optional(ElementsAre("MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0")));
}

TEST(VisibleDevices, WhatFollowsMinusOneIsHidden) { EXPECT_THAT(visible_devices("1,-1,0"), Optional(ElementsAre("1"))); }

TEST(VisibleDevices, WordsThatCudaWouldHideEverythingForAreNamed) {
  for (const char* value : {"all", "0-3", "gpu0", "0,,1", "GPU-", "0;1"}) EXPECT_THAT(refused(value), HasSubstr(value)) << value;
  EXPECT_THAT(refused("0,x,1"), HasSubstr("'x'"));
  EXPECT_THAT(refused("0,1,0"), HasSubstr("'0' twice"));
}

TEST(DeviceOfWorker, UnsetCountsThroughTheHost) {
  EXPECT_EQ(device_of_worker(std::nullopt, 2, 0, false), "0");
  EXPECT_EQ(device_of_worker(std::nullopt, 2, 1, false), "1");
  EXPECT_THAT(refusal([] { device_of_worker(std::nullopt, 2, 2, false); }), HasSubstr("worker 3 of this host gets no GPU: the host has 2"));
}

TEST(DeviceOfWorker, AListIsTakenInItsOrder) {
  EXPECT_EQ(device_of_worker(visible_devices("2,3"), 8, 0, false), "2");
  EXPECT_EQ(device_of_worker(visible_devices("2,3"), 8, 1, false), "3");
  EXPECT_EQ(device_of_worker(visible_devices("GPU-aa,GPU-bb"), 8, 1, false), "GPU-bb");
  EXPECT_THAT(refusal([] { device_of_worker(visible_devices("2,3"), 8, 2, false); }), HasSubstr("CUDA_VISIBLE_DEVICES names 2"));
  EXPECT_THAT(refusal([] { device_of_worker(visible_devices(""), 8, 0, false); }), HasSubstr("hides them all"));
}

TEST(DeviceOfWorker, WhereSlurmGaveEachTaskItsOwnThatOneIsMeant) {
  EXPECT_EQ(device_of_worker(visible_devices("0"), 8, 3, true), "0"); // each task counts its own from 0
  EXPECT_EQ(device_of_worker(visible_devices("5"), 8, 3, true), "5");
  EXPECT_EQ(device_of_worker(std::nullopt, 8, 3, true), "3");
  EXPECT_THAT(refusal([] { device_of_worker(visible_devices(""), 8, 0, true); }), HasSubstr("hides them all"));
}

} // namespace
} // namespace stdualx
