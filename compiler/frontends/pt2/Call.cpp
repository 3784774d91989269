#include "compiler/frontends/pt2/Call.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;
using Kind = Argument::Kind;

AffineExpr Symbols::convert(const SymbolicExpression &size, MLIRContext *context) const {
  using Op = SymbolicExpression::Kind;
  if (size.kind == Op::Constant)
    return getAffineConstantExpr(size.value, context);
  if (size.kind == Op::Symbol) {
    auto found = positions.find(size.symbol);
    return found == positions.end() ? AffineExpr()
                                    : getAffineSymbolExpr(found->second, context);
  }
  AffineExpr result;
  for (const SymbolicExpression &operand : size.operands) {
    AffineExpr next = convert(operand, context);
    if (!next)
      return {};
    if (!result) {
      result = next;
      continue;
    }
    switch (size.kind) {
    case Op::Sum:
      result = result + next;
      break;
    case Op::Product:
      result = result * next;
      break;
    case Op::FloorDiv:
      result = result.floorDiv(next);
      break;
    case Op::Mod:
      result = result % next;
      break;
    default: // Max and Min are not affine
      return {};
    }
  }
  return result;
}

Type nnc::pt2::elementType(ScalarType type, MLIRContext *context) {
  Builder builder(context);
  switch (type) {
  case ScalarType::Float:
    return builder.getF32Type();
  case ScalarType::Double:
    return builder.getF64Type();
  case ScalarType::Long:
    return builder.getI64Type();
  case ScalarType::Int:
    return builder.getI32Type();
  case ScalarType::Byte:
    return builder.getI8Type();
  case ScalarType::Bool:
    return builder.getI1Type();
  default:
    return {};
  }
}

void Call::reject(StringRef name, const Twine &why) {
  if (!failed)
    builder.error(StringRef(node.target) + ": argument " + name + " " + why);
  failed = true;
}

const Argument *Call::argument(StringRef name) const { return node.find(name); }

bool Call::given(StringRef name) const {
  const Argument *found = argument(name);
  return found && !found->isNone();
}

StringRef Call::tensorName(StringRef name) const {
  const Argument *found = argument(name);
  return found && found->isTensor() ? StringRef(found->text) : StringRef();
}

Value Call::readTensor(const Argument &argument) {
  if (!argument.isTensor()) {
    reject("", "is not a tensor");
    return {};
  }
  Value value = tensors.read(argument.text);
  failed |= !value;
  return value;
}

Value Call::tensor(StringRef name) {
  if (const Argument *found = argument(name); found && found->isTensor())
    return readTensor(*found);
  reject(name, "must be a tensor");
  return {};
}

Value Call::optionalTensor(StringRef name) { return given(name) ? tensor(name) : Value(); }

SmallVector<Value> Call::tensorList(StringRef name) {
  SmallVector<Value> values;
  if (const Argument *found = argument(name); found && found->kind == Kind::List)
    for (const Argument &element : found->list)
      values.push_back(readTensor(element));
  else
    reject(name, "must be a list of tensors");
  return values;
}

SmallVector<Value> Call::optionalTensorList(StringRef name) {
  SmallVector<Value> values;
  if (const Argument *found = argument(name); found && found->kind == Kind::List)
    for (const Argument &element : found->list)
      values.push_back(element.isNone() ? Value() : readTensor(element));
  else
    reject(name, "must be a list of tensors");
  return values;
}

std::optional<int64_t> Call::constantInt(const Argument &argument) const {
  if (argument.kind == Kind::Int || argument.kind == Kind::Bool ||
      argument.kind == Kind::MemoryFormat)
    return argument.integer;
  if (argument.kind == Kind::SymInt) {
    const SymbolicExpression &size = program.symbolicInts.at(argument.text);
    if (size.isConstant())
      return size.value;
  }
  return std::nullopt;
}

int64_t Call::integer(StringRef name, std::optional<int64_t> byDefault) {
  if (!given(name)) {
    if (!byDefault)
      reject(name, "is missing");
    return byDefault.value_or(0);
  }
  std::optional<int64_t> value = constantInt(*argument(name));
  if (!value)
    reject(name, "must be a constant integer");
  return value.value_or(0);
}

double Call::number(StringRef name, std::optional<double> byDefault) {
  if (!given(name)) {
    if (!byDefault)
      reject(name, "is missing");
    return byDefault.value_or(0);
  }
  const Argument &value = *argument(name);
  if (value.kind == Kind::Float)
    return value.number;
  if (std::optional<int64_t> whole = constantInt(value))
    return *whole;
  reject(name, "must be a constant number");
  return 0;
}

SmallVector<double> Call::numbers(StringRef name) {
  SmallVector<double> values;
  if (!given(name))
    return values;
  const Argument &list = *argument(name);
  ArrayRef<Argument> elements = list.kind == Kind::List ? ArrayRef(list.list) : ArrayRef(list);
  for (const Argument &element : elements) {
    std::optional<int64_t> whole = constantInt(element);
    if (element.kind != Kind::Float && !whole)
      reject(name, "must hold constant numbers");
    values.push_back(element.kind == Kind::Float ? element.number : double(whole.value_or(0)));
  }
  return values;
}

bool Call::flag(StringRef name, std::optional<bool> byDefault) {
  return integer(name, byDefault ? std::optional<int64_t>(*byDefault) : std::nullopt) != 0;
}

StringRef Call::text(StringRef name, StringRef byDefault) {
  if (!given(name))
    return byDefault;
  if (argument(name)->kind != Kind::String)
    reject(name, "must be a string");
  return argument(name)->text;
}

SmallVector<int64_t> Call::integers(StringRef name) {
  SmallVector<int64_t> values;
  if (!given(name))
    return values;
  const Argument &list = *argument(name);
  ArrayRef<Argument> elements = list.kind == Kind::List ? ArrayRef(list.list) : ArrayRef(list);
  for (const Argument &element : elements) {
    std::optional<int64_t> value = constantInt(element);
    if (!value)
      reject(name, "must hold constant integers");
    values.push_back(value.value_or(0));
  }
  return values;
}

SmallVector<int64_t> Call::spatial(StringRef name, size_t rank,
                                   std::optional<int64_t> byDefault, int64_t minimum) {
  SmallVector<int64_t> values = integers(name);
  if (values.empty() && byDefault)
    values.push_back(*byDefault);
  if (values.size() == 1)
    values.resize(rank, values.front());
  if (values.size() != rank) {
    reject(name, "must hold " + Twine(rank) + " integers");
    values.assign(rank, 1);
  }
  for (int64_t value : values)
    if (value < minimum)
      reject(name, Twine("must be at least ") + Twine(minimum));
  return values;
}

int64_t Call::checkedAxis(StringRef name, int64_t axis) {
  const Argument *self = argument(selfName());
  if (self && self->kind == Kind::List && !self->list.empty())
    self = &self->list.front();
  int64_t rank = self && self->isTensor() ? metaOf(self->text).sizes.size() : 0;
  // A tensor without axes has axes 0 and -1 all the same.
  int64_t bound = std::max<int64_t>(rank, 1);
  if (axis < -bound || axis >= bound) {
    reject(name, Twine("names axis ") + Twine(axis) + " of a tensor of rank " + Twine(rank));
    return 0;
  }
  return axis < 0 ? axis + bound : axis;
}

SmallVector<int64_t> Call::axes(StringRef name) {
  SmallVector<int64_t> values = integers(name);
  for (int64_t &axis : values)
    axis = checkedAxis(name, axis);
  return values;
}

int64_t Call::axis(StringRef name, std::optional<int64_t> byDefault) {
  return checkedAxis(name, integer(name, byDefault));
}

Operand Call::operand(StringRef name) {
  const Argument *found = argument(name);
  if (found && found->isTensor())
    return readTensor(*found);
  if (found && found->kind == Kind::Float)
    return Scalar{found->number, true};
  std::optional<int64_t> whole = found ? constantInt(*found) : std::nullopt;
  if (whole)
    return Scalar{static_cast<double>(*whole), false};
  if (found && found->kind == Kind::SymInt) {
    nn::Dims size = dims({program.symbolicInts.at(found->text)});
    if (!failed)
      return builder.sizeAsScalar(size.front(),
                                  IntegerType::get(builder.context(), 64));
  }
  reject(name, "must be a tensor or a number");
  return Scalar{};
}

void Call::write(StringRef name, Value value) {
  std::string problem;
  if (value && !tensors.write(tensorName(name), value, problem))
    reject(name, "cannot be changed: " + problem);
}

nn::Dims Call::dims(const std::vector<SymbolicExpression> &sizes) {
  nn::Dims result;
  for (const SymbolicExpression &size : sizes) {
    AffineExpr converted = symbols.convert(size, builder.context());
    if (!converted) {
      if (!failed)
        builder.error(StringRef(node.target) + ": the size " + size.str() +
                      " cannot be computed from the inputs' shapes");
      failed = true;
      converted = getAffineConstantExpr(1, builder.context());
    }
    result.push_back(nn::simplify(converted));
  }
  return result;
}

std::vector<StringRef> Call::outputNames() const {
  std::vector<StringRef> names;
  for (const Argument &output : node.outputs) {
    ArrayRef<Argument> values =
        output.kind == Kind::List ? ArrayRef(output.list) : ArrayRef(output);
    for (const Argument &value : values)
      names.push_back(value.isTensor() ? StringRef(value.text) : StringRef());
  }
  return names;
}

nn::Dims Call::outputDims(unsigned index) {
  std::vector<StringRef> names = outputNames();
  if (index < names.size() && !names[index].empty())
    return dims(metaOf(names[index]).sizes);
  reject("", "has no result " + Twine(index));
  return {};
}

Type Call::outputType(unsigned index) {
  std::vector<StringRef> names = outputNames();
  if (index < names.size() && !names[index].empty())
    if (Type type = elementType(metaOf(names[index]).type, builder.context()))
      return type;
  reject("", "has a result without a supported element type");
  return Float32Type::get(builder.context());
}

nn::Dims Call::selfDims() {
  StringRef name = tensorName(selfName());
  return name.empty() ? nn::Dims() : dims(metaOf(name).sizes);
}

Call::Geometry Call::geometryOf(StringRef value) const {
  static constexpr int64_t primes[] = {1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049};
  auto sample = [&](StringRef symbol) -> std::optional<int64_t> {
    auto found = symbols.positions.find(symbol.str());
    unsigned position = found == symbols.positions.end() ? 7 : found->second;
    return primes[position % 8] + position / 8;
  };
  Geometry result;
  if (!program.tensors.count(value.str()))
    return result;
  for (const SymbolicExpression &size : metaOf(value).sizes)
    result.sizes.push_back(size.evaluate(sample).value_or(0));
  for (const SymbolicExpression &stride : metaOf(value).strides)
    result.strides.push_back(stride.evaluate(sample).value_or(0));
  return result;
}

Call::Geometry Call::outputGeometry() const {
  std::vector<StringRef> names = outputNames();
  return names.empty() ? Geometry() : geometryOf(names.front());
}
