// A task of a Winograd convolution: a block of tiles of one or more images, times a
// block of result channels. Inputs are turned to channels in lanes and transformed
// once, in a phase of their own where tasks of other result channels need them, too;
// then, for each panel of result channels, every one of the products of a tile is a
// matrix product over channels with the packed filter, and results are transformed
// back, turned to rows and stored.
#include "codegen/cpu/ConvolutionData.h"
#include "codegen/cpu/ConvolutionWinograd.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace nnc::cpu {

namespace {

struct WinogradTask {
  LoopEmitter &emit;
  const ConvolutionProblem &problem;
  const ConvolutionSchedule &schedule;
  const nn::Winograd &winograd;
  GroupChannels channels;
  WinogradScratch sizes;
  VectorType type;
  Plane plane; // sizes of source and result, and the shift between them
  int64_t lanes, points, outputs;
  int64_t tileRows, tileColumns, tiles; // of an image in this task
  int64_t panels;                       // vectors of result channels in all
  int64_t panelWidth;                   // result channels of a panel of products
  Value inputs, products, padded, results, planar;

  // Of the task at hand.
  Value firstImage, images, firstRow, firstColumn;
  Value inputStart; // its tiles in `inputs`

  WinogradTask(LoopEmitter &emit, const ConvolutionProblem &problem,
               const ConvolutionSchedule &schedule)
      : emit(emit), problem(problem), schedule(schedule),
        winograd(nn::Winograd::of(schedule.winograd)), channels(problem),
        sizes(problem, schedule),
        type(VectorType::get({schedule.lanes}, problem.elementType)),
        plane(problem, schedule), lanes(schedule.lanes),
        points(winograd.points), outputs(winograd.outputs), tileRows(schedule.tile[1]),
        tileColumns(schedule.tile[2]), tiles(tileRows * tileColumns),
        panels(llvm::divideCeil(channels.result, lanes)),
        panelWidth(schedule.tileVectors * lanes) {}

  int64_t source(int axis) { return plane.axis[axis].source.fixed; }
  int64_t result(int axis) { return plane.axis[axis].result.fixed; }
  int64_t tileCount(int axis) { return llvm::divideCeil(result(axis), outputs); }
  bool oneColumnBlock() { return tileColumns >= tileCount(2); }

  Value batch() {
    const Extent &size = problem.geometry.batch;
    return size.isStatic() ? emit.index(size.fixed) : size.value;
  }

  /// Blocks of images, of rows and of columns of tiles.
  Values tileGrid() {
    return {emit.ceilDiv(batch(), schedule.images),
            emit.index(llvm::divideCeil(tileCount(1), tileRows)),
            emit.index(llvm::divideCeil(tileCount(2), tileColumns))};
  }

  Values grid(bool transforms) {
    Values sizes = tileGrid();
    sizes.push_back(emit.index(transforms
                                   ? llvm::divideCeil(channels.reduced, WinogradScratch::channelsPerTask)
                                   : llvm::divideCeil(panels, schedule.blockChannels / lanes)));
    return sizes;
  }

  void takeScratch(Value workerScratch, Value sharedScratch) {
    ScratchCutter cutter{emit, workerScratch, problem.elementType};
    inputs = schedule.sharesInputs
                 ? emit.view(sharedScratch, emit.index(0), sizes.shared, problem.elementType)
                 : cutter.take(sizes.inputs);
    products = cutter.take(sizes.products);
    padded = cutter.take(sizes.padded);
    results = cutter.take(sizes.results);
    planar = cutter.take(sizes.planar);
  }

  /// Its images and tiles; returns its place along the last axis of the grid.
  Value begin(Value task, bool transforms) {
    Values at = emit.delinearize(task, grid(transforms));
    firstImage = emit.mul(at[0], schedule.images);
    const Extent &batchSize = problem.geometry.batch;
    bool even = schedule.images == 1 || (batchSize.isStatic() && batchSize.fixed % schedule.images == 0);
    images = even ? emit.index(schedule.images)
                  : emit.min(emit.index(schedule.images), emit.sub(batch(), firstImage));
    firstRow = emit.mul(at[1], tileRows);
    firstColumn = emit.mul(at[2], tileColumns);
    inputStart = emit.index(0);
    if (schedule.sharesInputs) {
      Values blocks = tileGrid();
      inputStart = emit.mul(emit.add(emit.mul(emit.add(emit.mul(at[0], blocks[1]), at[1]), blocks[2]), at[2]),
                            sizes.inputs);
    }
    return at[3];
  }

  void transform(Value firstChannel, Value channelCount) {
    // Columns outside of the image stay zero throughout.
    emit.loop(emit.index(0), emit.index(sizes.padded), lanes,
              [&](Value at) { emit.store(emit.zero(type), padded, at); });
    emit.loop(emit.index(0), images, 1, [&](Value image) {
      emit.loop(emit.index(0), channelCount, lanes, [&](Value channel) {
        emit.loop(emit.index(0), emit.index(tileRows), 1,
                  [&](Value row) { transformInputs(image, emit.add(firstChannel, channel), row); });
      });
    });
  }

  /// A block of result channels, from transformed inputs.
  void produce(Value block) {
    int64_t width = schedule.blockChannels / lanes;
    Value firstPanel = emit.mul(block, width);
    Value panelCount = panels % width == 0
                           ? emit.index(std::min(width, panels))
                           : emit.min(emit.index(width), emit.sub(emit.index(panels), firstPanel));
    emit.tiles(panelCount, schedule.tileVectors, std::nullopt, [&](Value panel, int64_t vectors) {
      Value first = emit.add(firstPanel, panel);
      multiply(first, vectors);
      emit.loop(emit.index(0), images, 1, [&](Value image) {
        emit.loop(emit.index(0), emit.index(vectors), 1, [&](Value vector) {
          emit.loop(emit.index(0), emit.index(tileRows), 1,
                    [&](Value row) { finishRow(image, first, vector, row); });
        });
      });
    });
  }

  /// Tiles of the images at hand.
  Value tilesAtHand() { return emit.mul(images, tiles); }
  Value tileNumber(Value image, Value row, Value column) {
    return emit.add(emit.add(emit.mul(image, tiles), emit.mul(row, tileColumns)), column);
  }

  //===-- inputs ---------------------------------------------------------------------===//

  /// Where a tile of `inputs`, for product 0, has its channels; products are `apart`.
  Value inputPlace(Value tile) { return emit.add(inputStart, emit.mul(tile, sizes.inputPitch)); }

  void transformInputs(Value image, Value channel, Value row) {
    Value top = emit.sub(emit.mul(emit.add(firstRow, row), outputs),
                         emit.index(plane.axis[1].shift));
    emit.loop(emit.index(0), emit.index(points), 1,
              [&](Value line) { padRow(image, channel, emit.add(top, line), line); });
    Value apart = emit.mul(tilesAtHand(), sizes.inputPitch);
    emit.loop(emit.index(0), emit.index(tileColumns), 1, [&](Value column) {
      Value at = emit.mul(column, outputs * lanes);
      Values square;
      for (int64_t i = 0; i < points; ++i)
        for (int64_t j = 0; j < points; ++j)
          square.push_back(
              emit.load(type, padded, emit.add(at, (i * sizes.paddedWidth + j) * lanes)));
      Values turned = emitSquare(emit, winograd.input, square, points);
      Value to = emit.add(inputPlace(tileNumber(image, row, column)), channel);
      for (int64_t i = 0; i < points * points; ++i)
        emit.store(turned[i], inputs, emit.add(to, emit.mul(apart, i)));
    });
  }

  /// A row of a vector of channels, one pixel after the other; zeros outside of the image.
  void padRow(Value image, Value channel, Value y, Value line) {
    Value to = emit.mul(line, sizes.paddedWidth);
    auto clear = [&] {
      emit.loop(emit.index(0), emit.index(sizes.paddedWidth), 1, [&](Value x) {
        emit.store(emit.zero(type), padded, emit.mul(emit.add(to, x), lanes));
      });
    };
    auto fill = [&] {
      // Pixels low..high of the row are in the image, from source pixel `first` + low on.
      Value first = emit.sub(emit.mul(firstColumn, outputs), emit.index(plane.axis[2].shift));
      Value low = emit.max(emit.sub(emit.index(0), first), emit.index(0));
      Value high = emit.min(emit.index(sizes.paddedWidth), emit.sub(emit.index(source(2)), first));
      Value from = emit.add(emit.mul(y, source(2)), first);
      emit.vectors(emit.sub(high, low), lanes, [&](Value at, Value active) {
        Value x = emit.add(low, at);
        Values turned = emitTranspose(emit, channelRows(image, channel, emit.add(from, x), active));
        for (int64_t i = 0; i < lanes; ++i)
          emit.store(turned[i], padded, emit.mul(emit.add(emit.add(to, x), i), lanes));
      });
    };
    emit.branch(emit.less(y, emit.index(0)), clear, [&] {
      emit.branch(emit.less(y, emit.index(source(1))), fill, clear);
    });
  }

  /// Consecutive pixels of `lanes` channels; those that do not exist are zero.
  Values channelRows(Value image, Value channel, Value position, Value active) {
    Values rows;
    for (int64_t i = 0; i < lanes; ++i) {
      Value each = emit.add(channel, i), count = active;
      if (channels.reduced % lanes != 0) {
        Value exists = emit.less(each, emit.index(channels.reduced));
        count = arith::SelectOp::create(emit.builder, emit.loc, exists,
                                        active ? active : emit.index(lanes), emit.index(0));
        each = emit.min(each, emit.index(channels.reduced - 1));
      }
      rows.push_back(problem.data(emit.builder, emit.loc, type, emit.add(firstImage, image), each,
                                  position, count));
    }
    return rows;
  }

  //===-- products -------------------------------------------------------------------===//

  /// products[p][tile][m] = sum over c of inputs[p][tile][c] * filter[m][p][c].
  void multiply(Value first, int64_t vectors) {
    emit.loop(emit.index(0), emit.index(points * points), 1, [&](Value product) {
      Value panel = emit.mul(emit.add(emit.mul(first, points * points), product), channels.reduced * lanes);
      Value line = emit.mul(product, tilesAtHand());
      emit.tiles(tilesAtHand(), schedule.tileRows, std::nullopt, [&](Value tile, int64_t rows) {
        RegisterTile registers{rows, vectors, type};
        Value at = emit.add(line, tile);
        Value from = inputPlace(at);
        auto filter = [&](Value channel, int64_t j) {
          return emit.add(emit.add(panel, emit.mul(channel, lanes)), j * points * points * channels.reduced * lanes);
        };
        Values sums = emitOuterProduct(
            emit, registers, registers.zeros(emit), emit.index(channels.reduced),
            {[&](Value channel, int64_t i) {
               return emit.loadScalar(inputs, emit.add(emit.add(from, channel), i * sizes.inputPitch));
             },
             [&](Value channel, int64_t j) {
               return problem.filter(emit.builder, emit.loc, type, filter(channel, j), Value());
             },
             [&](Value channel, int64_t j) {
               problem.prefetchFilter(emit.builder, emit.loc, emit.add(filter(channel, j), prefetchDistance * lanes));
             }});
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < vectors; ++j)
            emit.store(sums[i * vectors + j], products,
                       emit.add(emit.mul(emit.add(at, i), panelWidth), j * lanes));
      });
    });
  }

  //===-- results --------------------------------------------------------------------===//

  /// A row of tiles of one vector of result channels.
  void finishRow(Value image, Value first, Value vector, Value row) {
    Value apart = emit.mul(tilesAtHand(), panelWidth);
    emit.loop(emit.index(0), emit.index(tileColumns), 1, [&](Value column) {
      Value from = emit.add(emit.mul(tileNumber(image, row, column), panelWidth),
                            emit.mul(vector, lanes));
      Values square;
      for (int64_t i = 0; i < points * points; ++i)
        square.push_back(emit.load(type, products, emit.add(from, emit.mul(apart, i))));
      Values turned = emitSquare(emit, winograd.output, square, points);
      Value to = emit.mul(column, outputs * lanes);
      for (int64_t i = 0; i < outputs; ++i)
        for (int64_t j = 0; j < outputs; ++j)
          emit.store(turned[i * outputs + j], results,
                     emit.add(to, (i * sizes.resultWidth + j) * lanes));
    });
    // What overruns a row is overwritten by the next.
    emit.loop(emit.index(0), emit.index(outputs), 1, [&](Value line) {
      emit.loop(emit.index(0), emit.index(sizes.planarWidth), lanes, [&](Value x) {
        Values pixels;
        for (int64_t i = 0; i < lanes; ++i)
          pixels.push_back(emit.load(
              type, results,
              emit.mul(emit.add(emit.add(emit.mul(line, sizes.resultWidth), x), i), lanes)));
        Values turned = emitTranspose(emit, pixels);
        Value to = emit.add(emit.mul(line, sizes.planarWidth), x);
        for (int64_t i = 0; i < lanes; ++i)
          emit.store(turned[i], planar, emit.add(to, i * sizes.planarPitch));
      });
    });
    Value channel = emit.mul(emit.add(first, vector), lanes);
    Value count = emit.index(lanes);
    if (channels.result % lanes != 0)
      count = emit.min(count, emit.sub(emit.index(channels.result), channel));
    Value top = emit.mul(emit.add(firstRow, row), outputs);
    Value height = emit.min(emit.index(outputs),
                            emit.max(emit.sub(emit.index(result(1)), top), emit.index(0)));
    emit.loop(emit.index(0), count, 1, [&](Value i) {
      storeRows(image, emit.add(channel, i), emit.mul(i, sizes.planarPitch), top, height);
    });
  }

  void storeRows(Value image, Value channel, Value from, Value top, Value height) {
    auto store = [&](Value start, Value position, Value count) {
      emit.vectors(count, lanes, [&](Value at, Value active) {
        problem.store(emit.builder, emit.loc, emit.add(firstImage, image), channel,
                      emit.add(position, at), emit.load(type, planar, emit.add(start, at)), active);
      });
    };
    if (oneColumnBlock()) // rows follow each other in the result, too
      return store(from, emit.mul(top, result(2)), emit.mul(height, result(2)));
    Value left = emit.mul(firstColumn, outputs);
    Value width =
        emit.min(emit.index(sizes.planarWidth), emit.sub(emit.index(result(2)), left));
    emit.loop(emit.index(0), height, 1, [&](Value line) {
      store(emit.add(from, emit.mul(line, sizes.planarWidth)),
            emit.add(emit.mul(emit.add(top, line), result(2)), left), width);
    });
  }
};

} // namespace

WinogradScratch::WinogradScratch(const ConvolutionProblem &problem,
                                 const ConvolutionSchedule &schedule) {
  const nn::Winograd &winograd = nn::Winograd::of(schedule.winograd);
  int64_t lanes = schedule.lanes, outputs = winograd.outputs;
  int64_t count = winograd.points * winograd.points;
  int64_t tiles = schedule.images * schedule.tile[1] * schedule.tile[2];
  inputPitch = (llvm::divideCeil(GroupChannels(problem).reduced, lanes) | 1) * lanes;
  inputs = llvm::alignTo(count * tiles * inputPitch, 64);
  products = llvm::alignTo(count * tiles * schedule.tileVectors * lanes, 64);
  resultWidth = schedule.tile[2] * outputs;
  paddedWidth = resultWidth + winograd.points - outputs;
  // The last vector of pixels of a row overruns it.
  padded = llvm::alignTo((winograd.points * paddedWidth + lanes) * lanes, 64);
  results = llvm::alignTo((outputs * resultWidth + lanes) * lanes, 64);
  const auto &result = problem.direction == ConvolutionDirection::InputGradient ? problem.geometry.input
                                                                                : problem.geometry.output;
  planarWidth = std::min(resultWidth, result[1].fixed);
  planarPitch = llvm::alignTo(outputs * planarWidth + lanes, lanes);
  planar = lanes * planarPitch + lanes;
  if (schedule.sharesInputs) {
    shared = llvm::divideCeil(problem.geometry.batch.fixed, schedule.images) * inputs;
    for (int axis : {0, 1})
      shared *= llvm::divideCeil(result[axis].fixed, schedule.tile[1 + axis] * outputs);
  }
}

Values winogradTaskGrid(LoopEmitter &emit, const ConvolutionProblem &problem,
                        const ConvolutionSchedule &schedule, unsigned phase) {
  return WinogradTask(emit, problem, schedule).grid(schedule.sharesInputs && phase == 0);
}

void emitWinogradTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                      const ConvolutionSchedule &schedule, Value task, Value workerScratch,
                      Value sharedScratch, unsigned phase) {
  WinogradTask winograd(emit, problem, schedule);
  winograd.takeScratch(workerScratch, sharedScratch);
  bool transforms = schedule.sharesInputs && phase == 0;
  Value block = winograd.begin(task, transforms);
  int64_t reduced = winograd.channels.reduced;
  if (transforms) {
    Value first = emit.mul(block, WinogradScratch::channelsPerTask);
    winograd.transform(first, emit.min(emit.index(WinogradScratch::channelsPerTask),
                                       emit.sub(emit.index(reduced), first)));
    return;
  }
  if (!schedule.sharesInputs)
    winograd.transform(emit.index(0), emit.index(reduced));
  winograd.produce(block);
}

} // namespace nnc::cpu
